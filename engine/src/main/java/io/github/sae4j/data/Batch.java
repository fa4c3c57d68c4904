package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import java.util.function.IntFunction;

/**
 * One batch of a stream.
 *
 * @param position stream position of the first row: rows served before this batch
 * @param x activations {@code [rows, d_in]}, the caller's until the stream's next batch is asked
 *     for
 * @param origins where each row of {@code x} came from; stays valid after {@code x} does not
 */
public record Batch(long position, Matrix x, IntFunction<RowOrigin> origins) {
  /**
   * Number of rows: the stream's batch size, fewer only at its very end.
   *
   * @return at least 1
   */
  public int rows() {
    return x.rows();
  }

  /**
   * Where a row came from, for messages.
   *
   * @param row row of {@code x}
   * @return its file and row
   * @throws IllegalArgumentException if the row is out of range
   */
  public RowOrigin origin(int row) {
    return origins.apply(row);
  }
}
