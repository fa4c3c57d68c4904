package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;

/** Rows of a matrix in memory. The matrix stays the caller's and must not change meanwhile. */
public final class MatrixSource implements ActivationSource {
  private final Matrix matrix;
  private final String name;

  /**
   * A view of a matrix.
   *
   * @param matrix activations {@code [rows, d_in]}, at least one row
   * @param name what messages call it
   * @throws IllegalArgumentException if the matrix has no rows
   */
  public MatrixSource(Matrix matrix, String name) {
    if (matrix.rows() == 0) {
      throw new IllegalArgumentException(
          "matrix: expected at least one row, got " + matrix.shape());
    }
    this.matrix = matrix;
    this.name = Objects.requireNonNull(name, "name");
  }

  @Override
  public long rows() {
    return matrix.rows();
  }

  @Override
  public int width() {
    return matrix.cols();
  }

  @Override
  public void read(long[] rowIds, int count, Matrix target) {
    RowChecks.target(count, target, width());
    RowChecks.ids(rowIds, count, rows());
    for (int i = 0; i < count; i++) {
      copy((int) rowIds[i], 1, target, i);
    }
  }

  @Override
  public void readRange(long first, int count, Matrix target) {
    RowChecks.target(count, target, width());
    RowChecks.range(first, count, rows());
    copy((int) first, count, target, 0);
  }

  @Override
  public boolean readsInPlace() {
    return true;
  }

  @Override
  public RowOrigin origin(long row) {
    RowChecks.row(row, rows());
    return new RowOrigin(name, row);
  }

  @Override
  public DataIdentity identity() throws IOException {
    return DataIdentity.sample(this, "F32", List.of("F32 " + matrix.shape()), new long[0]);
  }

  /** Does nothing: the matrix belongs to the caller. */
  @Override
  public void close() {}

  private void copy(int row, int count, Matrix target, int at) {
    MemorySegment.copy(
        matrix.segment(),
        matrix.rowOffset(row),
        target.segment(),
        target.rowOffset(at),
        (long) count * width() * Float.BYTES);
  }
}
