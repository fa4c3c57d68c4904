package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/**
 * An encoder prepared for serving: weights in the form in which the device reads them fastest. The
 * same bits as {@link Kernels#encode}. Any number of threads may use it at once.
 */
public interface Encoder extends AutoCloseable {
  /**
   * Encodes a batch.
   *
   * @param x {@code [rows, d_in]}
   * @param out {@code rows} rows, overwritten; makes room if it is short
   * @throws NonFiniteException if any pre-activation is NaN or infinite
   * @throws IllegalStateException if the encoder or its device is closed
   */
  void encode(Matrix x, SparseCodes out);

  /** Frees the prepared weights; encoders of other weights are not touched. */
  @Override
  void close();
}
