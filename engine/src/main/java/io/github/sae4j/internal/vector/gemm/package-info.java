/**
 * The matrix product: packing into panels and tiles, and the micro-kernels that read them.
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector.gemm;
