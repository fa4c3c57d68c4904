/** TensorBoard's event files. */
package io.github.sae4j.cli.tensorboard;
