/** The matrix product: packing into panels and tiles, and the micro-kernels that read them. */
package io.github.sae4j.vector.gemm;
