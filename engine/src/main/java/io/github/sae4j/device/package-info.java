/** The device interface, discovery and choice. */
package io.github.sae4j.device;
