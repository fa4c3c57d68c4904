/**
 * What all kernels stand on: the width of vectors, their lanes, and the pool of threads.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.runtime;
