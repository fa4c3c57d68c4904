package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/**
 * An encoder prepared for serving: weights in the form that the device reads fastest. It returns
 * the same bits as {@link Kernels#encode} and is thread-safe.
 */
public interface Encoder extends AutoCloseable {
  /**
   * Encodes a batch.
   *
   * @param x {@code [rows, d_in]}
   * @param out {@code rows} rows, overwritten; grows as needed
   * @throws NonFiniteException if any pre-activation is NaN or infinite
   * @throws IllegalStateException if the encoder or its device is closed
   */
  void encode(Matrix x, SparseCodes out);

  /**
   * What this encoder reads for every row of a batch of less than {@link
   * ServingPrecision#MANY_ROWS}, unless many latents are active.
   *
   * @return BF16 or INT8 if it is a copy of W_enc, otherwise F32
   */
  default ServingPrecision precision() {
    return ServingPrecision.F32;
  }

  /**
   * Whether this encoder keeps W_enc itself, so that the original matrix may be freed.
   *
   * @return true if {@link #readRows} returns its rows
   */
  default boolean keepsRows() {
    return false;
  }

  /**
   * Reads rows of W_enc, bit for bit as they were given.
   *
   * @param first first latent
   * @param count number of latents
   * @param target receives {@code count · d_in} weights, row after row
   * @param at position of the first
   * @throws UnsupportedOperationException if the encoder does not {@linkplain #keepsRows keep} them
   */
  default void readRows(int first, int count, float[] target, int at) {
    throw new UnsupportedOperationException("this encoder does not keep W_enc");
  }

  /** Frees the prepared weights; encoders of other weights are not touched. */
  @Override
  void close();
}
