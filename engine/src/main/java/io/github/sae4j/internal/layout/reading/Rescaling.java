package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.memory.Matrix;

/** Multiplies and divides weights by a factor, one rounding for each. */
public final class Rescaling {
  private Rescaling() {}

  public static void multiply(Matrix a, float factor) {
    float[] row = new float[a.cols()];
    for (int i = 0; i < a.rows(); i++) {
      a.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] *= factor;
      }
      a.write(i, 1, row, 0);
    }
  }

  public static void divide(Matrix a, float divisor) {
    float[] row = new float[a.cols()];
    for (int i = 0; i < a.rows(); i++) {
      a.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] /= divisor;
      }
      a.write(i, 1, row, 0);
    }
  }
}
