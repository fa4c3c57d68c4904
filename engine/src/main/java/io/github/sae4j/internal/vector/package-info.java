/**
 * The CPU device: every kernel with the Vector API, on a pool of threads. Its parts are in the
 * packages below, which nothing else uses: {@code runtime} (vector width, lanes, worker pool),
 * {@code rows} (arithmetic on rows and sums over them), {@code gemm} (packing, micro-kernels,
 * product), {@code select} (top-k buffer, encoders, codes by row and by latent) and {@code step}
 * (the passes of a fused training step).
 *
 * <p>Internal: not part of the API.
 */
package io.github.sae4j.internal.vector;
