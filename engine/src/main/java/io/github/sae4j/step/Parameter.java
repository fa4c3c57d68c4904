package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/**
 * A trained tensor with Adam's moments.
 *
 * @param name its name in files, for instance {@code W_enc}
 * @param value the tensor
 * @param m first moments, of the same shape
 * @param v second moments, of the same shape
 */
public record Parameter(String name, Matrix value, Matrix m, Matrix v) {
  /** Checks the shapes. */
  public Parameter {
    Shapes.expect(name + ".m", m, value.rows(), value.cols());
    Shapes.expect(name + ".v", v, value.rows(), value.cols());
  }

  /**
   * Allocates zeros.
   *
   * @param memory where
   * @param name its name in files
   * @param rows rows; 1 for a vector
   * @param cols columns
   * @return a parameter with zero value and moments
   */
  public static Parameter allocate(OffHeap memory, String name, int rows, int cols) {
    return new Parameter(
        name, memory.matrix(rows, cols), memory.matrix(rows, cols), memory.matrix(rows, cols));
  }
}
