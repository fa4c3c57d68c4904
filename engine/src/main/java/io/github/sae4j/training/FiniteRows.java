package io.github.sae4j.training;

import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.Matrix;
import java.nio.file.Path;
import java.util.function.IntFunction;

/** Complains of activations that are not finite, by file and row. */
final class FiniteRows {
  private FiniteRows() {}

  /**
   * Checks one row.
   *
   * @param row the activations
   * @param origin where they came from
   * @throws BadFileException if one is NaN or infinite
   */
  static void expect(float[] row, RowOrigin origin) throws BadFileException {
    for (int j = 0; j < row.length; j++) {
      if (!Float.isFinite(row[j])) {
        throw new BadFileException(
            Path.of(origin.source()),
            "row " + origin.row() + " holds " + row[j] + " at column " + j + ", expected a number");
      }
    }
  }

  /**
   * Checks the rows of a batch.
   *
   * @param x the batch
   * @param origins where each row came from
   * @throws BadFileException if a row holds NaN or an infinity
   */
  static void expect(Matrix x, IntFunction<RowOrigin> origins) throws BadFileException {
    float[] row = new float[x.cols()];
    for (int b = 0; b < x.rows(); b++) {
      x.read(b, 1, row, 0);
      float sum = 0; // NaN − NaN and ∞ − ∞ are NaN, every other difference is 0
      for (float value : row) {
        sum += value - value;
      }
      if (Float.isNaN(sum)) {
        expect(row, origins.apply(b));
      }
    }
  }
}
