package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/**
 * How to undo the normalisation of a batch's rows: {@code out · scale + shift}. Encoding fills
 * them, decoding the same rows needs them; they belong to the caller, so that calls from several
 * threads do not meet.
 *
 * @param scales {@code [1, rows]}
 * @param shifts {@code [1, rows]}
 */
public record RowFactors(Matrix scales, Matrix shifts) {
  /** Checks the shapes. */
  public RowFactors {
    Shapes.expect("scales", scales, 1, scales.cols());
    Shapes.expect("shifts", shifts, 1, scales.cols());
  }

  /**
   * Allocates factors for a batch.
   *
   * @param memory where
   * @param rows number of rows, at least 1
   * @return zero factors
   */
  public static RowFactors allocate(OffHeap memory, int rows) {
    return new RowFactors(memory.vector(rows), memory.vector(rows));
  }

  /**
   * Number of rows.
   *
   * @return rows
   */
  public int rows() {
    return scales.cols();
  }

  /**
   * The factors of the first rows, on the same memory.
   *
   * @param count number of rows in {@code [1, rows]}
   * @return a view
   */
  public RowFactors firstRows(int count) {
    return new RowFactors(scales.firstElements(count), shifts.firstElements(count));
  }
}
