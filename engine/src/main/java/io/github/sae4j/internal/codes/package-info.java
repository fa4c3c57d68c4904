/**
 * Sparse codes in files: readers, and the names of their tensors.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.codes;
