/** The operations every device offers, one by one, and the values that describe them. */
package io.github.sae4j.kernels;
