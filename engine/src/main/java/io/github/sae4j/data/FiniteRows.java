package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.IntFunction;

/** Complains of activations that are not finite, by file and row. */
public final class FiniteRows {
  /** Rows of a source read at a time: a few megabytes. */
  private static final int READ_ROWS = 1024;

  private FiniteRows() {}

  /**
   * Checks one row.
   *
   * @param row the activations
   * @param origin where they came from
   * @throws BadFileException if one is NaN or infinite
   */
  public static void expect(float[] row, RowOrigin origin) throws BadFileException {
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
  public static void expect(Matrix x, IntFunction<RowOrigin> origins) throws BadFileException {
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

  /**
   * Reads all rows of a source once and checks them.
   *
   * @param source the rows
   * @throws BadFileException if a row holds NaN or an infinity
   * @throws IOException if reading fails
   */
  public static void expect(ActivationSource source) throws IOException {
    int most = (int) Math.min(READ_ROWS, source.rows());
    try (OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(most, source.width());
      for (long first = 0; first < source.rows(); first += most) {
        int count = (int) Math.min(most, source.rows() - first);
        long start = first;
        source.readRange(first, count, x);
        expect(x.firstRows(count), b -> source.origin(start + b));
      }
    }
  }
}
