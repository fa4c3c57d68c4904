/**
 * TopK: encoders that select as they multiply, and the codes they find, by row and by latent.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.select;
