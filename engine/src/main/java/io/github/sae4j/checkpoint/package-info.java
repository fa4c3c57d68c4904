/** Checkpoint layouts of SAELens and sparsify, and the trainer's own state. */
package io.github.sae4j.checkpoint;
