/**
 * Sparse codes in files: read, and what their tensors are called.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.codes;
