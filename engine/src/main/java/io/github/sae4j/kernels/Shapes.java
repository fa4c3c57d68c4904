package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;

/** Shape checks of the public edge, with messages that say what was expected and what came. */
public final class Shapes {
  private Shapes() {}

  /**
   * Requires a shape.
   *
   * @param name the argument's name
   * @param matrix the argument
   * @param rows expected rows
   * @param cols expected columns
   * @throws IllegalArgumentException if the shape differs
   */
  public static void expect(String name, Matrix matrix, int rows, int cols) {
    if (matrix == null) {
      throw new IllegalArgumentException(
          name + ": expected shape [" + rows + ", " + cols + "], got null");
    }
    if (matrix.rows() != rows || matrix.cols() != cols) {
      throw new IllegalArgumentException(
          name + ": expected shape [" + rows + ", " + cols + "], got " + matrix.shape());
    }
  }

  /**
   * Requires a vector that is long enough.
   *
   * @param name the argument's name
   * @param vector the argument
   * @param length least number of elements
   * @throws IllegalArgumentException if it is no vector or shorter
   */
  public static void expectVector(String name, Matrix vector, int length) {
    if (vector == null || vector.rows() != 1 || vector.cols() < length) {
      throw new IllegalArgumentException(
          name
              + ": expected a vector of at least "
              + length
              + " elements, got "
              + (vector == null ? null : vector.shape()));
    }
  }

  /**
   * Requires a condition on sizes.
   *
   * @param holds the condition
   * @param name the argument's name
   * @param expected what was expected
   * @param got the actual value
   * @throws IllegalArgumentException if the condition does not hold
   */
  public static void expect(boolean holds, String name, String expected, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": expected " + expected + ", got " + got);
    }
  }
}
