/**
 * Arithmetic on rows of floats, and sums over the rows of a batch.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.rows;
