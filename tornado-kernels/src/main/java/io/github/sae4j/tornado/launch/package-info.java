/** The operations of a device one by one, each compiled for its shape, and prepared encoders. */
package io.github.sae4j.tornado.launch;
