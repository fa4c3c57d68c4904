package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Dense products. Those of two matrices go by tiles of 64 x 64 elements, a group of 16 x 16
 * work-items, 4 x 4 elements each; both operands pass through local memory 16 steps of the inner
 * index at a time. Every element is one chain over the ascending inner index (numerics rule 1):
 * {@code s += a * b} becomes {@code fma} in TornadoVM's compiler, and tiling saves and reloads no
 * partial sum.
 */
public final class ProductKernels {
  /** Rows and columns of a tile. */
  public static final int TILE = 64;

  /** Work-items per side of a group. */
  public static final int SIDE = 16;

  private static final int DEPTH = 16;

  private ProductKernels() {}

  /**
   * {@code out[i, j] = Σ_p a[(from + i) aRow + p aStep] b[p bStep + column(j) bCol]}, plus {@code
   * bias[column(j)]} in one rounding if {@code biased} is 1; column(j) = j, or map[j] if {@code
   * mapped} is 1. Elements beyond this run's rows and columns are left as they are.
   *
   * @param control holds the number of rows of the whole batch and, in slot {@code columns}, that
   *     of columns
   * @param from first row of {@code a}
   * @param most most rows to form
   * @param stride columns of a row of {@code out}
   */
  public static void product(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray b,
      FloatArray bias,
      IntArray map,
      FloatArray out,
      int inner,
      int from,
      int most,
      int aRow,
      int aStep,
      int bStep,
      int bCol,
      int stride,
      int columns,
      int mapped,
      int biased) {
    float[] left = context.allocateFloatLocalArray(DEPTH * TILE);
    float[] right = context.allocateFloatLocalArray(DEPTH * TILE);
    int tx = context.localIdx;
    int ty = context.localIdy;
    int col = context.groupIdx * TILE;
    int row = context.groupIdy * TILE;
    int rest = control.get(StepControl.ROWS) - from;
    int m = rest < most ? rest : most;
    int q = control.get(columns);
    // The same for all work-items of the group, so none waits at a barrier for another.
    if (row >= m) {
      return;
    }
    if (col >= q) {
      return;
    }
    float s00 = 0f;
    float s01 = 0f;
    float s02 = 0f;
    float s03 = 0f;
    float s10 = 0f;
    float s11 = 0f;
    float s12 = 0f;
    float s13 = 0f;
    float s20 = 0f;
    float s21 = 0f;
    float s22 = 0f;
    float s23 = 0f;
    float s30 = 0f;
    float s31 = 0f;
    float s32 = 0f;
    float s33 = 0f;
    for (int at = 0; at < inner; at += DEPTH) {
      for (int part = 0; part < TILE; part += SIDE) {
        int p = at + tx;
        int r = row + part + ty;
        int c = col + part + ty;
        float leftValue = 0f;
        float rightValue = 0f;
        if (p < inner) {
          if (r < m) {
            leftValue = a.get((from + r) * aRow + p * aStep);
          }
          if (c < q) {
            rightValue = b.get(p * bStep + column(map, c, mapped) * bCol);
          }
        }
        left[tx * TILE + part + ty] = leftValue;
        right[tx * TILE + part + ty] = rightValue;
      }
      context.localBarrier();
      // Not beyond the inner size: fma(0, 0, s) would turn a sum of -0 into +0.
      int depth = inner - at < DEPTH ? inner - at : DEPTH;
      for (int p = 0; p < depth; p++) {
        float a0 = left[p * TILE + ty];
        float a1 = left[p * TILE + ty + SIDE];
        float a2 = left[p * TILE + ty + 2 * SIDE];
        float a3 = left[p * TILE + ty + 3 * SIDE];
        float b0 = right[p * TILE + tx];
        float b1 = right[p * TILE + tx + SIDE];
        float b2 = right[p * TILE + tx + 2 * SIDE];
        float b3 = right[p * TILE + tx + 3 * SIDE];
        s00 += a0 * b0;
        s01 += a0 * b1;
        s02 += a0 * b2;
        s03 += a0 * b3;
        s10 += a1 * b0;
        s11 += a1 * b1;
        s12 += a1 * b2;
        s13 += a1 * b3;
        s20 += a2 * b0;
        s21 += a2 * b1;
        s22 += a2 * b2;
        s23 += a2 * b3;
        s30 += a3 * b0;
        s31 += a3 * b1;
        s32 += a3 * b2;
        s33 += a3 * b3;
      }
      context.localBarrier();
    }
    int r = row + ty;
    int c = col + tx;
    if (biased == 1) {
      float bias0 = bias(bias, map, c, q, mapped);
      float bias1 = bias(bias, map, c + SIDE, q, mapped);
      float bias2 = bias(bias, map, c + 2 * SIDE, q, mapped);
      float bias3 = bias(bias, map, c + 3 * SIDE, q, mapped);
      s00 = s00 + bias0;
      s01 = s01 + bias1;
      s02 = s02 + bias2;
      s03 = s03 + bias3;
      s10 = s10 + bias0;
      s11 = s11 + bias1;
      s12 = s12 + bias2;
      s13 = s13 + bias3;
      s20 = s20 + bias0;
      s21 = s21 + bias1;
      s22 = s22 + bias2;
      s23 = s23 + bias3;
      s30 = s30 + bias0;
      s31 = s31 + bias1;
      s32 = s32 + bias2;
      s33 = s33 + bias3;
    }
    store(out, r, c, m, q, stride, s00);
    store(out, r, c + SIDE, m, q, stride, s01);
    store(out, r, c + 2 * SIDE, m, q, stride, s02);
    store(out, r, c + 3 * SIDE, m, q, stride, s03);
    store(out, r + SIDE, c, m, q, stride, s10);
    store(out, r + SIDE, c + SIDE, m, q, stride, s11);
    store(out, r + SIDE, c + 2 * SIDE, m, q, stride, s12);
    store(out, r + SIDE, c + 3 * SIDE, m, q, stride, s13);
    store(out, r + 2 * SIDE, c, m, q, stride, s20);
    store(out, r + 2 * SIDE, c + SIDE, m, q, stride, s21);
    store(out, r + 2 * SIDE, c + 2 * SIDE, m, q, stride, s22);
    store(out, r + 2 * SIDE, c + 3 * SIDE, m, q, stride, s23);
    store(out, r + 3 * SIDE, c, m, q, stride, s30);
    store(out, r + 3 * SIDE, c + SIDE, m, q, stride, s31);
    store(out, r + 3 * SIDE, c + 2 * SIDE, m, q, stride, s32);
    store(out, r + 3 * SIDE, c + 3 * SIDE, m, q, stride, s33);
  }

  private static int column(IntArray map, int j, int mapped) {
    int column = j;
    if (mapped == 1) {
      column = map.get(j);
    }
    return column;
  }

  private static float bias(FloatArray bias, IntArray map, int j, int q, int mapped) {
    float value = 0f;
    if (j < q) {
      value = bias.get(column(map, j, mapped));
    }
    return value;
  }

  private static void store(
      FloatArray out, int row, int col, int m, int q, int stride, float value) {
    if (row < m) {
      if (col < q) {
        out.set(row * stride + col, value);
      }
    }
  }

  /**
   * {@code out -= v W}, a work-item per column: one chain over the rows of W, then one subtraction.
   * The gradient of b_dec through the encoder's input.
   *
   * @param v {@code [n]}
   * @param w {@code [n, d]}
   * @param out {@code [d]}
   */
  public static void subtractVectorProduct(
      KernelContext context, FloatArray v, FloatArray w, FloatArray out, int n, int d) {
    int col = context.globalIdx;
    if (col < d) {
      float sum = 0f;
      for (int row = 0; row < n; row++) {
        sum += v.get(row) * w.get(row * d + col);
      }
      out.set(col, out.get(col) - sum);
    }
  }
}
