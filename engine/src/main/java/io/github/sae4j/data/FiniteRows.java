package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds rows of activations that are not finite. */
public final class FiniteRows {
  /** Rows of a source read at a time: a few megabytes. */
  private static final int READ_ROWS = 1024;

  private static final ValueLayout.OfInt BITS = ValueLayout.JAVA_INT_UNALIGNED;
  private static final int INFINITY = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);

  /** Called by a scan for every bad row, in order. */
  @FunctionalInterface
  public interface Finder {
    /**
     * Reports a bad row.
     *
     * @param row its number in the source
     * @param column column of its first value that is not finite
     * @throws IOException to end the scan
     */
    void found(long row, int column) throws IOException;
  }

  /**
   * The finite rows of a source.
   *
   * @param rows those rows, numbered anew; empty if there are none
   * @param leftOut the others
   */
  public record Selected(Optional<ActivationSource> rows, LeftOut leftOut) {}

  private FiniteRows() {}

  /**
   * Looks for a value that is NaN or infinite.
   *
   * @param row values
   * @return column of the first, or -1
   */
  public static int badColumn(float[] row) {
    for (int j = 0; j < row.length; j++) {
      if (!Float.isFinite(row[j])) {
        return j;
      }
    }
    return -1;
  }

  /**
   * Looks for a row that cannot be trained on: a value is NaN or infinite, or the squares of the
   * row times a factor do not add up within {@code f32}, as its products with gradients would not.
   *
   * @param row values
   * @param factor what they will be multiplied by
   * @return column of the first value that is not finite, else of the largest, or -1
   */
  public static int untrainableColumn(float[] row, float factor) {
    int bad = badColumn(row);
    if (bad >= 0) {
      return bad;
    }
    double square = 0;
    int largest = 0;
    for (int j = 0; j < row.length; j++) {
      double value = (double) row[j] * factor;
      square += value * value;
      largest = Math.abs(row[j]) > Math.abs(row[largest]) ? j : largest;
    }
    return square > Float.MAX_VALUE ? largest : -1;
  }

  /** The first value that is not finite of a row of a matrix, through a scratch array. */
  private static int badColumn(Matrix x, int row, int[] bits) {
    if (top(x, row, bits) < INFINITY) {
      return -1;
    }
    int j = 0;
    while ((bits[j] & 0x7fffffff) < INFINITY) {
      j++;
    }
    return j;
  }

  /** {@link #untrainableColumn(float[], float)} of a row of a matrix; quick where there is none. */
  static int untrainableColumn(Matrix x, int row, int[] bits, float factor) {
    double largest = (double) Float.intBitsToFloat(top(x, row, bits)) * factor;
    if (largest * largest * bits.length <= Float.MAX_VALUE) {
      return -1; // a NaN is not
    }
    float[] values = new float[bits.length];
    x.read(row, 1, values, 0);
    return untrainableColumn(values, factor);
  }

  /** Bits of a row's largest magnitude, those of infinity and NaN above all others. */
  private static int top(Matrix x, int row, int[] bits) {
    MemorySegment.copy(x.segment(), BITS, x.rowOffset(row), bits, 0, bits.length);
    int top = 0;
    for (int value : bits) {
      top = Math.max(top, value & 0x7fffffff); // a maximum of integers runs in vectors
    }
    return top;
  }

  /**
   * Checks one row.
   *
   * @param row the activations
   * @param source where they came from
   * @param id the row's number in it
   * @throws BadRowException if one is NaN or infinite
   * @throws IOException if reading fails
   */
  public static void expect(float[] row, ActivationSource source, long id) throws IOException {
    int column = badColumn(row);
    if (column >= 0) {
      throw new BadRowException(BadRow.of(source, id, column));
    }
  }

  /**
   * Checks that one row can be trained on.
   *
   * @param row the activations
   * @param factor what they will be multiplied by
   * @param source where they came from
   * @param id the row's number in it
   * @throws BadRowException if it is {@linkplain #untrainableColumn(float[], float) untrainable}
   * @throws IOException if reading fails
   */
  public static void expectTrainable(float[] row, float factor, ActivationSource source, long id)
      throws IOException {
    int column = untrainableColumn(row, factor);
    if (column >= 0) {
      throw new BadRowException(BadRow.of(source, id, column));
    }
  }

  /**
   * Checks rows that were read.
   *
   * @param x the rows
   * @param source where they came from
   * @param first number of the first in it
   * @throws BadRowException if one holds NaN or an infinity; the first
   * @throws IOException if reading fails
   */
  public static void expect(Matrix x, ActivationSource source, long first) throws IOException {
    int[] bits = new int[x.cols()];
    for (int b = 0; b < x.rows(); b++) {
      int column = badColumn(x, b, bits);
      if (column >= 0) {
        throw new BadRowException(BadRow.of(source, first + b, column));
      }
    }
  }

  /**
   * Reads all rows of a source once and checks them.
   *
   * @param source the rows
   * @throws BadRowException if a row holds NaN or an infinity
   * @throws IOException if reading fails
   */
  public static void expect(ActivationSource source) throws IOException {
    scan(
        source,
        (row, column) -> {
          throw new BadRowException(BadRow.of(source, row, column));
        });
  }

  /**
   * Reads all rows of a source once and looks for bad ones.
   *
   * @param source the rows
   * @param finder receives each of them
   * @throws IOException if reading fails
   */
  public static void scan(ActivationSource source, Finder finder) throws IOException {
    int most = (int) Math.min(READ_ROWS, source.rows());
    int[] bits = new int[source.width()];
    try (OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(most, source.width());
      for (long first = 0; first < source.rows(); first += most) {
        int count = (int) Math.min(most, source.rows() - first);
        source.readRange(first, count, x);
        for (int b = 0; b < count; b++) {
          int column = badColumn(x, b, bits);
          if (column >= 0) {
            finder.found(first + b, column);
          }
        }
      }
    }
  }

  /**
   * Reads all rows of a source once and leaves the bad ones out. If there are any, it takes one bit
   * per row of the source.
   *
   * @param source the rows; remains owned by the caller
   * @return a view of those that are finite
   * @throws IOException if reading fails
   */
  public static Selected select(ActivationSource source) throws IOException {
    List<Long> bad = new ArrayList<>();
    LeftOut[] leftOut = {LeftOut.NONE};
    scan(
        source,
        (row, column) -> {
          bad.add(row);
          leftOut[0] =
              leftOut[0].named().size() < LeftOut.NAMED
                  ? leftOut[0].and(List.of(BadRow.of(source, row, column)), 0)
                  : new LeftOut(leftOut[0].bad() + 1, 0, leftOut[0].named());
        });
    if (bad.isEmpty()) {
      return new Selected(Optional.of(source), LeftOut.NONE);
    }
    if (bad.size() == source.rows()) {
      return new Selected(Optional.empty(), leftOut[0]);
    }
    RowMask mask = RowMask.without(source.rows(), bad);
    return new Selected(Optional.of(mask.keptOf(source)), leftOut[0]);
  }
}
