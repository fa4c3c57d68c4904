/**
 * TopK: encoders that select while they multiply, and their codes by row and by latent.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.select;
