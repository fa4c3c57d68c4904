package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The product of a vector and a matrix, in chains as long as the matrix has rows. */
public final class VectorProductKernels {
  /** Columns of a group. */
  public static final int COLUMNS = 32;

  /** Its work-items. */
  public static final int GROUP = 256;

  /**
   * Rows that it stages at a time; two such stages stay below OpenCL's least local memory, 32 KiB.
   */
  private static final int STAGED = 64;

  private static final int STAGES = GROUP / COLUMNS;

  private VectorProductKernels() {}

  /**
   * {@code out -= v W}: one chain a column over the rows of W, then one subtraction. The gradient
   * of b_dec through the encoder's input. A group takes 32 columns: all of it brings rows to local
   * memory, and while one work-item a column adds them up, the next ones come. There are two places
   * for rows, so that one barrier is enough.
   *
   * @param v {@code [n]}
   * @param w {@code [n, d]}
   * @param out {@code [d]}
   */
  public static void subtractVectorProduct(
      KernelContext context, FloatArray v, FloatArray w, FloatArray out, int n, int d) {
    float[] staged = context.allocateFloatLocalArray(2 * STAGED * COLUMNS);
    float[] factors = context.allocateFloatLocalArray(2 * STAGED);
    int item = context.localIdx;
    int lane = item % COLUMNS;
    int stage = item / COLUMNS;
    int col = context.groupIdx * COLUMNS + lane;
    // Beyond the last row and column, the last one.
    int inside = TornadoMath.min(col, d - 1);
    float w0 = w.get(TornadoMath.min(stage, n - 1) * d + inside);
    float w1 = w.get(TornadoMath.min(stage + STAGES, n - 1) * d + inside);
    float w2 = w.get(TornadoMath.min(stage + 2 * STAGES, n - 1) * d + inside);
    float w3 = w.get(TornadoMath.min(stage + 3 * STAGES, n - 1) * d + inside);
    float w4 = w.get(TornadoMath.min(stage + 4 * STAGES, n - 1) * d + inside);
    float w5 = w.get(TornadoMath.min(stage + 5 * STAGES, n - 1) * d + inside);
    float w6 = w.get(TornadoMath.min(stage + 6 * STAGES, n - 1) * d + inside);
    float w7 = w.get(TornadoMath.min(stage + 7 * STAGES, n - 1) * d + inside);
    float factor = v.get(TornadoMath.min(item, n - 1));
    float sum = 0f;
    int half = 0;
    for (int at = 0; at < n; at += STAGED) {
      if (at + STAGED > n) {
        // Beyond the last row: fma(-0, 0, s) is s, whatever s is. Not where rows are read, which
        // would wait for each of them.
        w0 = at + stage < n ? w0 : 0f;
        w1 = at + stage + STAGES < n ? w1 : 0f;
        w2 = at + stage + 2 * STAGES < n ? w2 : 0f;
        w3 = at + stage + 3 * STAGES < n ? w3 : 0f;
        w4 = at + stage + 4 * STAGES < n ? w4 : 0f;
        w5 = at + stage + 5 * STAGES < n ? w5 : 0f;
        w6 = at + stage + 6 * STAGES < n ? w6 : 0f;
        w7 = at + stage + 7 * STAGES < n ? w7 : 0f;
        factor = at + item < n ? factor : -0f;
      }
      int into = half * STAGED * COLUMNS + item;
      staged[into] = w0;
      staged[into + GROUP] = w1;
      staged[into + 2 * GROUP] = w2;
      staged[into + 3 * GROUP] = w3;
      staged[into + 4 * GROUP] = w4;
      staged[into + 5 * GROUP] = w5;
      staged[into + 6 * GROUP] = w6;
      staged[into + 7 * GROUP] = w7;
      if (item < STAGED) {
        factors[half * STAGED + item] = factor;
      }
      context.localBarrier();
      int next = at + STAGED + stage;
      w0 = w.get(TornadoMath.min(next, n - 1) * d + inside);
      w1 = w.get(TornadoMath.min(next + STAGES, n - 1) * d + inside);
      w2 = w.get(TornadoMath.min(next + 2 * STAGES, n - 1) * d + inside);
      w3 = w.get(TornadoMath.min(next + 3 * STAGES, n - 1) * d + inside);
      w4 = w.get(TornadoMath.min(next + 4 * STAGES, n - 1) * d + inside);
      w5 = w.get(TornadoMath.min(next + 5 * STAGES, n - 1) * d + inside);
      w6 = w.get(TornadoMath.min(next + 6 * STAGES, n - 1) * d + inside);
      w7 = w.get(TornadoMath.min(next + 7 * STAGES, n - 1) * d + inside);
      factor = v.get(TornadoMath.min(at + STAGED + item, n - 1));
      if (item < COLUMNS) {
        int from = half * STAGED;
        // Sixteen rows are read before the first is added: else each would wait for its reads.
        for (int row = from; row < from + STAGED; row += 16) {
          int weights = row * COLUMNS + item;
          float f0 = factors[row];
          float f1 = factors[row + 1];
          float f2 = factors[row + 2];
          float f3 = factors[row + 3];
          float f4 = factors[row + 4];
          float f5 = factors[row + 5];
          float f6 = factors[row + 6];
          float f7 = factors[row + 7];
          float f8 = factors[row + 8];
          float f9 = factors[row + 9];
          float f10 = factors[row + 10];
          float f11 = factors[row + 11];
          float f12 = factors[row + 12];
          float f13 = factors[row + 13];
          float f14 = factors[row + 14];
          float f15 = factors[row + 15];
          float g0 = staged[weights];
          float g1 = staged[weights + COLUMNS];
          float g2 = staged[weights + 2 * COLUMNS];
          float g3 = staged[weights + 3 * COLUMNS];
          float g4 = staged[weights + 4 * COLUMNS];
          float g5 = staged[weights + 5 * COLUMNS];
          float g6 = staged[weights + 6 * COLUMNS];
          float g7 = staged[weights + 7 * COLUMNS];
          float g8 = staged[weights + 8 * COLUMNS];
          float g9 = staged[weights + 9 * COLUMNS];
          float g10 = staged[weights + 10 * COLUMNS];
          float g11 = staged[weights + 11 * COLUMNS];
          float g12 = staged[weights + 12 * COLUMNS];
          float g13 = staged[weights + 13 * COLUMNS];
          float g14 = staged[weights + 14 * COLUMNS];
          float g15 = staged[weights + 15 * COLUMNS];
          sum += f0 * g0;
          sum += f1 * g1;
          sum += f2 * g2;
          sum += f3 * g3;
          sum += f4 * g4;
          sum += f5 * g5;
          sum += f6 * g6;
          sum += f7 * g7;
          sum += f8 * g8;
          sum += f9 * g9;
          sum += f10 * g10;
          sum += f11 * g11;
          sum += f12 * g12;
          sum += f13 * g13;
          sum += f14 * g14;
          sum += f15 * g15;
        }
      }
      half = 1 - half;
    }
    int live = item < COLUMNS ? 1 : 0;
    if ((live & (col < d ? 1 : 0)) == 1) {
      out.set(col, out.get(col) - sum);
    }
  }
}
