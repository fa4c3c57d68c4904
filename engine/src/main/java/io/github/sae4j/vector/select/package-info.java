/** TopK: encoders that select as they multiply, and the codes they find, by row and by latent. */
package io.github.sae4j.vector.select;
