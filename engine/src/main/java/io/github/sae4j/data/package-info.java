/** Activation sources, the global shuffle and the held-out rows. */
package io.github.sae4j.data;
