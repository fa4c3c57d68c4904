package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import java.util.List;
import java.util.function.IntFunction;

/**
 * One batch of a stream.
 *
 * @param position stream position of the first place: places before this batch
 * @param places places of the stream that the batch takes: its rows, and those left out
 * @param x activations {@code [rows, d_in]}, the caller's until the stream's next batch is asked
 *     for; without rows if all were left out
 * @param origins where each row of {@code x} came from; remains valid after {@code x} is reused
 * @param bad rows left out because they are not finite
 * @param masked number of rows left out because they were masked after the stream was laid out
 */
public record Batch(
    long position,
    int places,
    Matrix x,
    IntFunction<RowOrigin> origins,
    List<BadRow> bad,
    int masked) {
  /**
   * Number of rows: the stream's batch size, fewer at its very end and where rows are left out.
   *
   * @return possibly 0
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
