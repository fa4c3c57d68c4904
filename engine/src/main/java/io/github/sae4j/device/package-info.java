/** The device interface: kernels one by one, a compiled training step, discovery and choice. */
package io.github.sae4j.device;
