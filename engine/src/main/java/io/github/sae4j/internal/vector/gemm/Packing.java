package io.github.sae4j.internal.vector.gemm;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Rearranges rows into the order in which {@link MicroKernels} reads them: {@code [depth][width]},
 * width being a tile's rows or a panel's columns. Missing rows are zeros, so tiles have no edges.
 */
public final class Packing {
  private Packing() {}

  /**
   * Packs rows of an array.
   *
   * @param rows the rows
   * @param from first float of the first row
   * @param stride floats from row to row
   * @param count number of rows, at most {@code width}
   * @param depth floats of each row
   * @param width rows of the packed form
   * @param out receives {@code depth * width} floats
   * @param at first position in {@code out}
   */
  public static void pack(
      float[] rows, int from, int stride, int count, int depth, int width, float[] out, int at) {
    if (count < width) {
      Arrays.fill(out, at, at + depth * width, 0f);
    }
    int r = 0;
    if (LENGTH == 16) {
      for (; r + 16 <= count; r += 16) {
        int columns = depth / Transposition.BLOCK * Transposition.BLOCK;
        int source = from + r * stride;
        Transposition.rows16(rows, source, stride, columns, width, out, at + r);
        scalar(rows, source, stride, 16, columns, depth, width, out, at + r);
      }
      if (count == 12 && width == 12 && depth > 0) {
        // At least one column is left, which makes up for what is written beyond the others.
        int columns = (depth - 1) / Transposition.BLOCK * Transposition.BLOCK;
        Transposition.rows12(rows, from, stride, columns, width, out, at);
        scalar(rows, from, stride, 12, columns, depth, width, out, at);
        return;
      }
    }
    scalar(rows, from + r * stride, stride, count - r, 0, depth, width, out, at + r);
  }

  /** Packs columns from {@code first} on, one float at a time. */
  private static void scalar(
      float[] rows,
      int from,
      int stride,
      int count,
      int first,
      int depth,
      int width,
      float[] out,
      int at) {
    int r = 0;
    for (; r + 4 <= count; r += 4) {
      int source = from + r * stride + first;
      pack4(rows, source, stride, depth - first, width, out, at + first * width + r);
    }
    for (; r < count; r++) {
      int source = from + r * stride;
      for (int p = first; p < depth; p++) {
        out[at + r + p * width] = rows[source + p];
      }
    }
  }

  // Four rows at a time take half the time of one by one, where every store is to another cache
  // line.
  // Measured in isolation; in a whole encode the gain is lost in the noise.
  private static void pack4(
      float[] rows, int from, int stride, int depth, int width, float[] out, int at) {
    int second = from + stride;
    int third = second + stride;
    int fourth = third + stride;
    int to = at;
    for (int p = 0; p < depth; p++) {
      out[to] = rows[from + p];
      out[to + 1] = rows[second + p];
      out[to + 2] = rows[third + p];
      out[to + 3] = rows[fourth + p];
      to += width;
    }
  }

  /**
   * Packs a panel of weight rows.
   *
   * @param weights {@code [n, depth]}
   * @param rowsOf which rows, or null for all in order
   * @param first first row, counted in {@code rowsOf} if given
   * @param count number of rows, at most PANEL
   * @param columns first column
   * @param depth number of columns
   * @param rows scratch of at least {@code PANEL * depth}
   * @param out receives {@code depth * PANEL} floats
   * @param at first position in {@code out}
   */
  public static void panel(
      Matrix weights,
      int[] rowsOf,
      int first,
      int count,
      int columns,
      int depth,
      float[] rows,
      float[] out,
      int at) {
    for (int r = 0; r < count; r++) {
      int row = rowsOf == null ? first + r : rowsOf[first + r];
      Rows.copy(weights, row, columns, depth, rows, r * depth);
    }
    pack(rows, 0, depth, count, depth, PANEL, out, at);
  }

  /**
   * Reads a row out of packed panels: every PANEL-th float of the panel that holds it.
   *
   * @param panels panels of {@code depth} rows each, one after the other
   * @param depth floats of the row
   * @param row the row
   * @param to receives it
   * @param at position of its first float
   */
  public static void unpackRow(Matrix panels, int depth, int row, float[] to, int at) {
    MemorySegment from = panels.segment();
    long next = panels.rowOffset(row / PANEL * depth) + 4L * (row % PANEL);
    for (int p = 0; p < depth; p++) {
      to[at + p] = from.get(Matrix.FLOAT, next);
      next += 4L * PANEL;
    }
  }

  /** Number of tiles that hold this many rows. */
  public static int tiles(int rows) {
    return (rows + TILE - 1) / TILE;
  }

  /** Number of panels that hold this many columns. */
  public static int panels(int columns) {
    return (columns + PANEL - 1) / PANEL;
  }
}
