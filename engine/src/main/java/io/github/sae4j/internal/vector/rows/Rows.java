package io.github.sae4j.internal.vector.rows;

import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;

/**
 * Rows of floats in a matrix, in some rows of a matrix or in an array, read and written in pieces.
 * Kernels copy the pieces into scratch of their own.
 */
public interface Rows {
  /**
   * Copies part of a row.
   *
   * @param row the row
   * @param column first column
   * @param count number of columns
   * @param to receives them
   * @param at first position in {@code to}
   */
  void read(int row, int column, int count, float[] to, int at);

  /**
   * Overwrites part of a row.
   *
   * @param row the row
   * @param column first column
   * @param count number of columns
   * @param from holds them
   * @param at first position in {@code from}
   */
  void write(int row, int column, int count, float[] from, int at);

  /** Copies part of a row into an array. */
  static void copy(Matrix from, int row, int column, int count, float[] to, int at) {
    MemorySegment.copy(
        from.segment(), Matrix.FLOAT, from.rowOffset(row) + 4L * column, to, at, count);
  }

  /** All rows of a matrix. */
  static Rows of(Matrix matrix) {
    return new OfMatrix(matrix, null);
  }

  /** Some rows of a matrix: row i is its row {@code which[i]}. */
  static Rows of(Matrix matrix, int[] which) {
    return new OfMatrix(matrix, which);
  }

  /** Rows in an array, {@code stride} floats apart. */
  static Rows of(float[] array, int first, int stride) {
    return new OfArray(array, first, stride);
  }

  /** All rows of a matrix, each element multiplied when it is read; read-only. */
  static Rows of(Matrix matrix, float factor) {
    return factor == 1f ? of(matrix) : new Scaled(matrix, factor);
  }

  /** Rows of a matrix times a number. */
  record Scaled(Matrix matrix, float factor) implements Rows {
    @Override
    public void read(int row, int column, int count, float[] to, int at) {
      Rows.copy(matrix, row, column, count, to, at);
      for (int j = at; j < at + count; j++) {
        to[j] *= factor;
      }
    }

    @Override
    public void write(int row, int column, int count, float[] from, int at) {
      throw new UnsupportedOperationException("scaled rows are read-only");
    }
  }

  /** Rows of a matrix, all or some. */
  record OfMatrix(Matrix matrix, int[] which) implements Rows {
    private long offset(int row, int column) {
      return matrix.rowOffset(which == null ? row : which[row]) + 4L * column;
    }

    @Override
    public void read(int row, int column, int count, float[] to, int at) {
      MemorySegment.copy(matrix.segment(), Matrix.FLOAT, offset(row, column), to, at, count);
    }

    @Override
    public void write(int row, int column, int count, float[] from, int at) {
      MemorySegment.copy(from, at, matrix.segment(), Matrix.FLOAT, offset(row, column), count);
    }
  }

  /** Rows in an array. */
  record OfArray(float[] array, int first, int stride) implements Rows {
    @Override
    public void read(int row, int column, int count, float[] to, int at) {
      System.arraycopy(array, first + row * stride + column, to, at, count);
    }

    @Override
    public void write(int row, int column, int count, float[] from, int at) {
      System.arraycopy(from, at, array, first + row * stride + column, count);
    }
  }
}
