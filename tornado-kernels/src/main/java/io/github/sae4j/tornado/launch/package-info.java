/** The device's single kernels, each compiled for its shape, and prepared encoders. */
package io.github.sae4j.tornado.launch;
