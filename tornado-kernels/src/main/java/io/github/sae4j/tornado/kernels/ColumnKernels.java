package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Sums over the rows of a batch in blocks of 256 (numerics rules 5 and 6), in two passes: a
 * work-item per block and column, then one per column that adds the blocks in order.
 */
public final class ColumnKernels {
  /** Rows of a block. */
  public static final int BLOCK = 256;

  private ColumnKernels() {}

  /**
   * Blocks that hold a number of rows.
   *
   * @param rows rows
   * @return blocks, the last one maybe short
   */
  public static int blocks(int rows) {
    return (rows + BLOCK - 1) / BLOCK;
  }

  /** First pass of the f32 sums: {@code partial[block, col]}. */
  public static void columnBlocks(
      KernelContext context, IntArray control, FloatArray a, FloatArray partial, int d, int gate) {
    int i = context.globalIdx;
    int block = i / d;
    int col = i - block * d;
    int rows = control.get(StepControl.ROWS);
    int from = block * BLOCK;
    int live = from < rows ? 1 : 0;
    int to = rows - from > BLOCK ? from + BLOCK : rows;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      float sum = 0f;
      // Eight rows are read before the first is added; beyond the last, s + -0 is s.
      for (int row = from; row < to; row += 8) {
        float v0 = a.get(row * d + col);
        float v1 = a.get(TornadoMath.min(row + 1, to - 1) * d + col);
        float v2 = a.get(TornadoMath.min(row + 2, to - 1) * d + col);
        float v3 = a.get(TornadoMath.min(row + 3, to - 1) * d + col);
        float v4 = a.get(TornadoMath.min(row + 4, to - 1) * d + col);
        float v5 = a.get(TornadoMath.min(row + 5, to - 1) * d + col);
        float v6 = a.get(TornadoMath.min(row + 6, to - 1) * d + col);
        float v7 = a.get(TornadoMath.min(row + 7, to - 1) * d + col);
        if (row + 8 > to) {
          v1 = row + 1 < to ? v1 : -0f;
          v2 = row + 2 < to ? v2 : -0f;
          v3 = row + 3 < to ? v3 : -0f;
          v4 = row + 4 < to ? v4 : -0f;
          v5 = row + 5 < to ? v5 : -0f;
          v6 = row + 6 < to ? v6 : -0f;
          v7 = row + 7 < to ? v7 : -0f;
        }
        sum += v0;
        sum += v1;
        sum += v2;
        sum += v3;
        sum += v4;
        sum += v5;
        sum += v6;
        sum += v7;
      }
      partial.set(i, sum);
    }
  }

  /** Second pass: the sums, added to what is in {@code out} if {@code added} is 1. */
  public static void columnSums(
      KernelContext context,
      IntArray control,
      FloatArray partial,
      FloatArray out,
      int d,
      int added,
      int gate) {
    int col = context.globalIdx;
    int live = col < d ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      int blocks = (control.get(StepControl.ROWS) + BLOCK - 1) / BLOCK;
      float sum = 0f;
      for (int block = 0; block < blocks; block++) {
        sum += partial.get(block * d + col);
      }
      if (added == 1) {
        sum = out.get(col) + sum;
      }
      out.set(col, sum);
    }
  }

  /**
   * First pass of the means of every micro-batch, in double: {@code partial[micro, block, col]}.
   *
   * @param blocks blocks of a micro-batch
   */
  public static void columnDoubleBlocks(
      KernelContext context,
      IntArray control,
      FloatArray a,
      DoubleArray partial,
      int d,
      int microRows,
      int blocks,
      int gate) {
    int i = context.globalIdx;
    int block = i / d;
    int col = i - block * d;
    int micro = block / blocks;
    int rows = control.get(StepControl.ROWS);
    // In long: a grid has more work-items than elements, so micro may be beyond the last one.
    long start = (long) micro * microRows;
    int end = start + microRows < rows ? (int) start + microRows : rows;
    long first = start + (long) (block - micro * blocks) * BLOCK;
    int live = first < end ? 1 : 0;
    int from = (int) first;
    int to = end - from > BLOCK ? from + BLOCK : end;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      double sum = 0;
      // Eight rows are read before the first is added; beyond the last, s + -0 is s.
      for (int row = from; row < to; row += 8) {
        float v0 = a.get(row * d + col);
        float v1 = a.get(TornadoMath.min(row + 1, to - 1) * d + col);
        float v2 = a.get(TornadoMath.min(row + 2, to - 1) * d + col);
        float v3 = a.get(TornadoMath.min(row + 3, to - 1) * d + col);
        float v4 = a.get(TornadoMath.min(row + 4, to - 1) * d + col);
        float v5 = a.get(TornadoMath.min(row + 5, to - 1) * d + col);
        float v6 = a.get(TornadoMath.min(row + 6, to - 1) * d + col);
        float v7 = a.get(TornadoMath.min(row + 7, to - 1) * d + col);
        if (row + 8 > to) {
          v1 = row + 1 < to ? v1 : -0f;
          v2 = row + 2 < to ? v2 : -0f;
          v3 = row + 3 < to ? v3 : -0f;
          v4 = row + 4 < to ? v4 : -0f;
          v5 = row + 5 < to ? v5 : -0f;
          v6 = row + 6 < to ? v6 : -0f;
          v7 = row + 7 < to ? v7 : -0f;
        }
        sum += v0;
        sum += v1;
        sum += v2;
        sum += v3;
        sum += v4;
        sum += v5;
        sum += v6;
        sum += v7;
      }
      partial.set(i, sum);
    }
  }

  /** Second pass: {@code means[micro, col]}, divided in double and rounded once. */
  public static void columnMeans(
      KernelContext context,
      IntArray control,
      DoubleArray partial,
      FloatArray means,
      int d,
      int microRows,
      int blocks,
      int gate) {
    int i = context.globalIdx;
    int micro = i / d;
    int col = i - micro * d;
    // In long: a grid has more work-items than elements, so micro may be beyond the last one.
    long rest = control.get(StepControl.ROWS) - (long) micro * microRows;
    int count = rest < microRows ? (int) rest : microRows;
    int live = rest > 0 ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      int used = (count + BLOCK - 1) / BLOCK;
      double sum = 0;
      for (int block = 0; block < used; block++) {
        sum += partial.get((micro * blocks + block) * d + col);
      }
      means.set(i, (float) (sum / count));
    }
  }
}
