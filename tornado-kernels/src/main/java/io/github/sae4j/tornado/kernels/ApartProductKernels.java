package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The dense product of {@link ProductKernels} for devices whose work-items share nothing: each has
 * {@link #ROWS} rows of a tile's columns and goes through these eight at a time, straight from the
 * operands. There is no local memory and no barrier, so nothing but 32 sums is alive in the loop.
 */
public final class ApartProductKernels {
  /** Rows of a work-item. */
  public static final int ROWS = 4;

  /** Work-items of a group, one below the other. */
  public static final int GROUP = 8;

  private static final int COLUMNS = 8;

  private ApartProductKernels() {}

  /**
   * As {@link ProductKernels#product}, whose arguments these are.
   *
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
      FloatArray scale,
      FloatArray out,
      FloatArray maxima,
      int inner,
      int from,
      int most,
      int aRow,
      int aStep,
      int bStep,
      int bCol,
      int stride,
      int columns,
      int flags) {
    int row = context.globalIdy * ROWS;
    int col = context.groupIdx * ProductKernels.TILE;
    int rest = control.get(StepControl.ROWS) - from;
    int m = rest < most ? rest : most;
    int q = control.get(columns);
    if (row >= m) {
      return;
    }
    if (col >= q) {
      return;
    }
    int end = TornadoMath.min(col + ProductKernels.TILE, q);
    int a0 = ProductKernels.rowStart(row, m, from, aRow);
    int a1 = ProductKernels.rowStart(row + 1, m, from, aRow);
    int a2 = ProductKernels.rowStart(row + 2, m, from, aRow);
    int a3 = ProductKernels.rowStart(row + 3, m, from, aRow);
    float most0 = -Float.MAX_VALUE;
    float most1 = -Float.MAX_VALUE;
    float most2 = -Float.MAX_VALUE;
    float most3 = -Float.MAX_VALUE;
    for (int c = col; c < end; c += COLUMNS) {
      int c0 = ProductKernels.column(map, c, q, flags);
      int c1 = ProductKernels.column(map, c + 1, q, flags);
      int c2 = ProductKernels.column(map, c + 2, q, flags);
      int c3 = ProductKernels.column(map, c + 3, q, flags);
      int c4 = ProductKernels.column(map, c + 4, q, flags);
      int c5 = ProductKernels.column(map, c + 5, q, flags);
      int c6 = ProductKernels.column(map, c + 6, q, flags);
      int c7 = ProductKernels.column(map, c + 7, q, flags);
      int b0 = c0 * bCol;
      int b1 = c1 * bCol;
      int b2 = c2 * bCol;
      int b3 = c3 * bCol;
      int b4 = c4 * bCol;
      int b5 = c5 * bCol;
      int b6 = c6 * bCol;
      int b7 = c7 * bCol;
      float s00 = 0f;
      float s01 = 0f;
      float s02 = 0f;
      float s03 = 0f;
      float s04 = 0f;
      float s05 = 0f;
      float s06 = 0f;
      float s07 = 0f;
      float s10 = 0f;
      float s11 = 0f;
      float s12 = 0f;
      float s13 = 0f;
      float s14 = 0f;
      float s15 = 0f;
      float s16 = 0f;
      float s17 = 0f;
      float s20 = 0f;
      float s21 = 0f;
      float s22 = 0f;
      float s23 = 0f;
      float s24 = 0f;
      float s25 = 0f;
      float s26 = 0f;
      float s27 = 0f;
      float s30 = 0f;
      float s31 = 0f;
      float s32 = 0f;
      float s33 = 0f;
      float s34 = 0f;
      float s35 = 0f;
      float s36 = 0f;
      float s37 = 0f;
      for (int p = 0; p < inner; p++) {
        float x0 = a.get(a0 + p * aStep);
        float x1 = a.get(a1 + p * aStep);
        float x2 = a.get(a2 + p * aStep);
        float x3 = a.get(a3 + p * aStep);
        float y0 = b.get(b0 + p * bStep);
        float y1 = b.get(b1 + p * bStep);
        float y2 = b.get(b2 + p * bStep);
        float y3 = b.get(b3 + p * bStep);
        float y4 = b.get(b4 + p * bStep);
        float y5 = b.get(b5 + p * bStep);
        float y6 = b.get(b6 + p * bStep);
        float y7 = b.get(b7 + p * bStep);
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        s04 += x0 * y4;
        s05 += x0 * y5;
        s06 += x0 * y6;
        s07 += x0 * y7;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
        s14 += x1 * y4;
        s15 += x1 * y5;
        s16 += x1 * y6;
        s17 += x1 * y7;
        s20 += x2 * y0;
        s21 += x2 * y1;
        s22 += x2 * y2;
        s23 += x2 * y3;
        s24 += x2 * y4;
        s25 += x2 * y5;
        s26 += x2 * y6;
        s27 += x2 * y7;
        s30 += x3 * y0;
        s31 += x3 * y1;
        s32 += x3 * y2;
        s33 += x3 * y3;
        s34 += x3 * y4;
        s35 += x3 * y5;
        s36 += x3 * y6;
        s37 += x3 * y7;
      }
      if ((flags & ProductKernels.BIASED) != 0) {
        float bias0 = bias.get(c0);
        float bias1 = bias.get(c1);
        float bias2 = bias.get(c2);
        float bias3 = bias.get(c3);
        float bias4 = bias.get(c4);
        float bias5 = bias.get(c5);
        float bias6 = bias.get(c6);
        float bias7 = bias.get(c7);
        s00 = s00 + bias0;
        s01 = s01 + bias1;
        s02 = s02 + bias2;
        s03 = s03 + bias3;
        s04 = s04 + bias4;
        s05 = s05 + bias5;
        s06 = s06 + bias6;
        s07 = s07 + bias7;
        s10 = s10 + bias0;
        s11 = s11 + bias1;
        s12 = s12 + bias2;
        s13 = s13 + bias3;
        s14 = s14 + bias4;
        s15 = s15 + bias5;
        s16 = s16 + bias6;
        s17 = s17 + bias7;
        s20 = s20 + bias0;
        s21 = s21 + bias1;
        s22 = s22 + bias2;
        s23 = s23 + bias3;
        s24 = s24 + bias4;
        s25 = s25 + bias5;
        s26 = s26 + bias6;
        s27 = s27 + bias7;
        s30 = s30 + bias0;
        s31 = s31 + bias1;
        s32 = s32 + bias2;
        s33 = s33 + bias3;
        s34 = s34 + bias4;
        s35 = s35 + bias5;
        s36 = s36 + bias6;
        s37 = s37 + bias7;
      }
      ProductKernels.store(out, row, c, m, q, stride, s00);
      ProductKernels.store(out, row, c + 1, m, q, stride, s01);
      ProductKernels.store(out, row, c + 2, m, q, stride, s02);
      ProductKernels.store(out, row, c + 3, m, q, stride, s03);
      ProductKernels.store(out, row, c + 4, m, q, stride, s04);
      ProductKernels.store(out, row, c + 5, m, q, stride, s05);
      ProductKernels.store(out, row, c + 6, m, q, stride, s06);
      ProductKernels.store(out, row, c + 7, m, q, stride, s07);
      ProductKernels.store(out, row + 1, c, m, q, stride, s10);
      ProductKernels.store(out, row + 1, c + 1, m, q, stride, s11);
      ProductKernels.store(out, row + 1, c + 2, m, q, stride, s12);
      ProductKernels.store(out, row + 1, c + 3, m, q, stride, s13);
      ProductKernels.store(out, row + 1, c + 4, m, q, stride, s14);
      ProductKernels.store(out, row + 1, c + 5, m, q, stride, s15);
      ProductKernels.store(out, row + 1, c + 6, m, q, stride, s16);
      ProductKernels.store(out, row + 1, c + 7, m, q, stride, s17);
      ProductKernels.store(out, row + 2, c, m, q, stride, s20);
      ProductKernels.store(out, row + 2, c + 1, m, q, stride, s21);
      ProductKernels.store(out, row + 2, c + 2, m, q, stride, s22);
      ProductKernels.store(out, row + 2, c + 3, m, q, stride, s23);
      ProductKernels.store(out, row + 2, c + 4, m, q, stride, s24);
      ProductKernels.store(out, row + 2, c + 5, m, q, stride, s25);
      ProductKernels.store(out, row + 2, c + 6, m, q, stride, s26);
      ProductKernels.store(out, row + 2, c + 7, m, q, stride, s27);
      ProductKernels.store(out, row + 3, c, m, q, stride, s30);
      ProductKernels.store(out, row + 3, c + 1, m, q, stride, s31);
      ProductKernels.store(out, row + 3, c + 2, m, q, stride, s32);
      ProductKernels.store(out, row + 3, c + 3, m, q, stride, s33);
      ProductKernels.store(out, row + 3, c + 4, m, q, stride, s34);
      ProductKernels.store(out, row + 3, c + 5, m, q, stride, s35);
      ProductKernels.store(out, row + 3, c + 6, m, q, stride, s36);
      ProductKernels.store(out, row + 3, c + 7, m, q, stride, s37);
      if ((flags & ProductKernels.RANKED) != 0) {
        float f0 = ProductKernels.scaleOf(scale, c0, flags);
        float f1 = ProductKernels.scaleOf(scale, c1, flags);
        float f2 = ProductKernels.scaleOf(scale, c2, flags);
        float f3 = ProductKernels.scaleOf(scale, c3, flags);
        float f4 = ProductKernels.scaleOf(scale, c4, flags);
        float f5 = ProductKernels.scaleOf(scale, c5, flags);
        float f6 = ProductKernels.scaleOf(scale, c6, flags);
        float f7 = ProductKernels.scaleOf(scale, c7, flags);
        float greatest0 =
            ProductKernels.greatest(
                s00, s01, s02, s03, s04, s05, s06, s07, f0, f1, f2, f3, f4, f5, f6, f7, flags);
        float greatest1 =
            ProductKernels.greatest(
                s10, s11, s12, s13, s14, s15, s16, s17, f0, f1, f2, f3, f4, f5, f6, f7, flags);
        float greatest2 =
            ProductKernels.greatest(
                s20, s21, s22, s23, s24, s25, s26, s27, f0, f1, f2, f3, f4, f5, f6, f7, flags);
        float greatest3 =
            ProductKernels.greatest(
                s30, s31, s32, s33, s34, s35, s36, s37, f0, f1, f2, f3, f4, f5, f6, f7, flags);
        most0 = ProductKernels.greater(most0, greatest0);
        most1 = ProductKernels.greater(most1, greatest1);
        most2 = ProductKernels.greater(most2, greatest2);
        most3 = ProductKernels.greater(most3, greatest3);
      }
    }
    if ((flags & ProductKernels.RANKED) != 0) {
      int at = row * ProductKernels.tiles(stride) + context.groupIdx;
      if (row < m) {
        maxima.set(at, most0);
      }
      if (row + 1 < m) {
        maxima.set(at + ProductKernels.tiles(stride), most1);
      }
      if (row + 2 < m) {
        maxima.set(at + 2 * ProductKernels.tiles(stride), most2);
      }
      if (row + 3 < m) {
        maxima.set(at + 3 * ProductKernels.tiles(stride), most3);
      }
    }
  }
}
