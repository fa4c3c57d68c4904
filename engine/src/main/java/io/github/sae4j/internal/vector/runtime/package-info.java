/**
 * Shared by all kernels: vector width, lanes and the worker pool.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.runtime;
