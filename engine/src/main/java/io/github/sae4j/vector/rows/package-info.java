/** Arithmetic on rows of floats, and sums over the rows of a batch. */
package io.github.sae4j.vector.rows;
