/**
 * The CPU device: SIMD kernels, packing and the worker pool. The only package that uses the Vector
 * API.
 */
package io.github.sae4j.vector;
