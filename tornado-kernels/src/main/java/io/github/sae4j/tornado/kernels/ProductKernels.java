package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Dense products. Those of two matrices go by tiles of 128 x 128 elements, a group of 16 x 16
 * work-items, 8 x 8 elements each; both operands pass through local memory 16 steps of the inner
 * index at a time, and while these are multiplied, the next 16 are on their way into registers.
 * Every element is one chain over the ascending inner index (numerics rule 1): {@code s += a * b}
 * becomes {@code fma} in TornadoVM's compiler, and tiling saves and reloads no partial sum.
 *
 * <p>A work-item has eight rows that follow each other, whose values all lanes of a warp but two
 * read alike, and every sixteenth column, so that lanes read neighbours. The pitches spread the
 * stores, which go down the columns, over the banks: 4 apart they meet in pairs and rows stay
 * aligned for wide loads, 2 apart they do not meet.
 *
 * <p>Beyond the last row and column, the last one is read again and its sums are dropped, so that
 * the loop has no edges.
 */
public final class ProductKernels {
  /** Rows and columns of a tile. */
  public static final int TILE = 128;

  /** Work-items per side of a group. */
  public static final int SIDE = 16;

  /** Columns of b are those that the map lists. */
  public static final int MAPPED = 1;

  /** A bias is added. */
  public static final int BIASED = 2;

  /** The greatest rank of each row of a tile is kept. */
  public static final int RANKED = 4;

  /** Ranks are multiplied by scales. */
  public static final int SCALED = 8;

  /** Ranks are those of max(v, 0). */
  public static final int RELU_BEFORE = 16;

  private static final int DEPTH = 16;
  private static final int LEFT_PITCH = TILE + 4;
  private static final int RIGHT_PITCH = TILE + 2;

  private ProductKernels() {}

  /**
   * Tiles across a number of columns.
   *
   * @param columns columns
   * @return tiles, the last one maybe narrow
   */
  public static int tiles(int columns) {
    return (columns + TILE - 1) / TILE;
  }

  /**
   * {@code out[i, j] = Σ_p a[(from + i) aRow + p aStep] b[p bStep + column(j) bCol]}, plus {@code
   * bias[column(j)]} in one rounding if flags have {@link #BIASED}; column(j) = j, or map[j] with
   * {@link #MAPPED}. Elements beyond this run's rows and columns are left as they are.
   *
   * @param control holds the number of rows of the whole batch and, in slot {@code columns}, that
   *     of columns
   * @param scale per column(j), what ranks are multiplied by with {@link #SCALED}
   * @param maxima with {@link #RANKED} receives, per row and tile of columns {@code [most,
   *     tiles(stride)]}, the greatest rank as {@link SelectionKernels#topK} forms it; NaN if a
   *     value or a rank is not finite
   * @param from first row of {@code a}
   * @param most most rows to form
   * @param stride columns of a row of {@code out}
   * @param flags what is wanted besides, as above
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
    float[] left = context.allocateFloatLocalArray(DEPTH * LEFT_PITCH);
    float[] right = context.allocateFloatLocalArray(DEPTH * RIGHT_PITCH);
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
    int a0 = rowStart(row + ty, m, from, aRow);
    int a1 = rowStart(row + ty + SIDE, m, from, aRow);
    int a2 = rowStart(row + ty + 2 * SIDE, m, from, aRow);
    int a3 = rowStart(row + ty + 3 * SIDE, m, from, aRow);
    int a4 = rowStart(row + ty + 4 * SIDE, m, from, aRow);
    int a5 = rowStart(row + ty + 5 * SIDE, m, from, aRow);
    int a6 = rowStart(row + ty + 6 * SIDE, m, from, aRow);
    int a7 = rowStart(row + ty + 7 * SIDE, m, from, aRow);
    int b0 = column(map, col + ty, q, flags) * bCol;
    int b1 = column(map, col + ty + SIDE, q, flags) * bCol;
    int b2 = column(map, col + ty + 2 * SIDE, q, flags) * bCol;
    int b3 = column(map, col + ty + 3 * SIDE, q, flags) * bCol;
    int b4 = column(map, col + ty + 4 * SIDE, q, flags) * bCol;
    int b5 = column(map, col + ty + 5 * SIDE, q, flags) * bCol;
    int b6 = column(map, col + ty + 6 * SIDE, q, flags) * bCol;
    int b7 = column(map, col + ty + 7 * SIDE, q, flags) * bCol;
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
    float s40 = 0f;
    float s41 = 0f;
    float s42 = 0f;
    float s43 = 0f;
    float s44 = 0f;
    float s45 = 0f;
    float s46 = 0f;
    float s47 = 0f;
    float s50 = 0f;
    float s51 = 0f;
    float s52 = 0f;
    float s53 = 0f;
    float s54 = 0f;
    float s55 = 0f;
    float s56 = 0f;
    float s57 = 0f;
    float s60 = 0f;
    float s61 = 0f;
    float s62 = 0f;
    float s63 = 0f;
    float s64 = 0f;
    float s65 = 0f;
    float s66 = 0f;
    float s67 = 0f;
    float s70 = 0f;
    float s71 = 0f;
    float s72 = 0f;
    float s73 = 0f;
    float s74 = 0f;
    float s75 = 0f;
    float s76 = 0f;
    float s77 = 0f;
    int first = tx < inner ? tx : inner - 1;
    float l0 = a.get(a0 + first * aStep);
    float l1 = a.get(a1 + first * aStep);
    float l2 = a.get(a2 + first * aStep);
    float l3 = a.get(a3 + first * aStep);
    float l4 = a.get(a4 + first * aStep);
    float l5 = a.get(a5 + first * aStep);
    float l6 = a.get(a6 + first * aStep);
    float l7 = a.get(a7 + first * aStep);
    float r0 = b.get(b0 + first * bStep);
    float r1 = b.get(b1 + first * bStep);
    float r2 = b.get(b2 + first * bStep);
    float r3 = b.get(b3 + first * bStep);
    float r4 = b.get(b4 + first * bStep);
    float r5 = b.get(b5 + first * bStep);
    float r6 = b.get(b6 + first * bStep);
    float r7 = b.get(b7 + first * bStep);
    for (int at = 0; at < inner; at += DEPTH) {
      if (at + tx >= inner) {
        // Beyond the inner size: fma(-0, 0, s) is s, whatever s is; fma(0, 0, -0) would be +0.
        l0 = -0f;
        l1 = -0f;
        l2 = -0f;
        l3 = -0f;
        l4 = -0f;
        l5 = -0f;
        l6 = -0f;
        l7 = -0f;
        r0 = 0f;
        r1 = 0f;
        r2 = 0f;
        r3 = 0f;
        r4 = 0f;
        r5 = 0f;
        r6 = 0f;
        r7 = 0f;
      }
      int into = tx * LEFT_PITCH + ty;
      left[into] = l0;
      left[into + SIDE] = l1;
      left[into + 2 * SIDE] = l2;
      left[into + 3 * SIDE] = l3;
      left[into + 4 * SIDE] = l4;
      left[into + 5 * SIDE] = l5;
      left[into + 6 * SIDE] = l6;
      left[into + 7 * SIDE] = l7;
      into = tx * RIGHT_PITCH + ty;
      right[into] = r0;
      right[into + SIDE] = r1;
      right[into + 2 * SIDE] = r2;
      right[into + 3 * SIDE] = r3;
      right[into + 4 * SIDE] = r4;
      right[into + 5 * SIDE] = r5;
      right[into + 6 * SIDE] = r6;
      right[into + 7 * SIDE] = r7;
      context.localBarrier();
      int next = at + DEPTH + tx < inner ? at + DEPTH + tx : inner - 1;
      l0 = a.get(a0 + next * aStep);
      l1 = a.get(a1 + next * aStep);
      l2 = a.get(a2 + next * aStep);
      l3 = a.get(a3 + next * aStep);
      l4 = a.get(a4 + next * aStep);
      l5 = a.get(a5 + next * aStep);
      l6 = a.get(a6 + next * aStep);
      l7 = a.get(a7 + next * aStep);
      r0 = b.get(b0 + next * bStep);
      r1 = b.get(b1 + next * bStep);
      r2 = b.get(b2 + next * bStep);
      r3 = b.get(b3 + next * bStep);
      r4 = b.get(b4 + next * bStep);
      r5 = b.get(b5 + next * bStep);
      r6 = b.get(b6 + next * bStep);
      r7 = b.get(b7 + next * bStep);
      for (int p = 0; p < DEPTH; p++) {
        int leftAt = p * LEFT_PITCH + ty * 8;
        int rightAt = p * RIGHT_PITCH + tx;
        float x0 = left[leftAt];
        float x1 = left[leftAt + 1];
        float x2 = left[leftAt + 2];
        float x3 = left[leftAt + 3];
        float x4 = left[leftAt + 4];
        float x5 = left[leftAt + 5];
        float x6 = left[leftAt + 6];
        float x7 = left[leftAt + 7];
        float y0 = right[rightAt];
        float y1 = right[rightAt + SIDE];
        float y2 = right[rightAt + 2 * SIDE];
        float y3 = right[rightAt + 3 * SIDE];
        float y4 = right[rightAt + 4 * SIDE];
        float y5 = right[rightAt + 5 * SIDE];
        float y6 = right[rightAt + 6 * SIDE];
        float y7 = right[rightAt + 7 * SIDE];
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
        s40 += x4 * y0;
        s41 += x4 * y1;
        s42 += x4 * y2;
        s43 += x4 * y3;
        s44 += x4 * y4;
        s45 += x4 * y5;
        s46 += x4 * y6;
        s47 += x4 * y7;
        s50 += x5 * y0;
        s51 += x5 * y1;
        s52 += x5 * y2;
        s53 += x5 * y3;
        s54 += x5 * y4;
        s55 += x5 * y5;
        s56 += x5 * y6;
        s57 += x5 * y7;
        s60 += x6 * y0;
        s61 += x6 * y1;
        s62 += x6 * y2;
        s63 += x6 * y3;
        s64 += x6 * y4;
        s65 += x6 * y5;
        s66 += x6 * y6;
        s67 += x6 * y7;
        s70 += x7 * y0;
        s71 += x7 * y1;
        s72 += x7 * y2;
        s73 += x7 * y3;
        s74 += x7 * y4;
        s75 += x7 * y5;
        s76 += x7 * y6;
        s77 += x7 * y7;
      }
      context.localBarrier();
    }
    int r = row + ty * 8;
    int c = col + tx;
    int c0 = column(map, c, q, flags);
    int c1 = column(map, c + SIDE, q, flags);
    int c2 = column(map, c + 2 * SIDE, q, flags);
    int c3 = column(map, c + 3 * SIDE, q, flags);
    int c4 = column(map, c + 4 * SIDE, q, flags);
    int c5 = column(map, c + 5 * SIDE, q, flags);
    int c6 = column(map, c + 6 * SIDE, q, flags);
    int c7 = column(map, c + 7 * SIDE, q, flags);
    if ((flags & BIASED) != 0) {
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
      s40 = s40 + bias0;
      s41 = s41 + bias1;
      s42 = s42 + bias2;
      s43 = s43 + bias3;
      s44 = s44 + bias4;
      s45 = s45 + bias5;
      s46 = s46 + bias6;
      s47 = s47 + bias7;
      s50 = s50 + bias0;
      s51 = s51 + bias1;
      s52 = s52 + bias2;
      s53 = s53 + bias3;
      s54 = s54 + bias4;
      s55 = s55 + bias5;
      s56 = s56 + bias6;
      s57 = s57 + bias7;
      s60 = s60 + bias0;
      s61 = s61 + bias1;
      s62 = s62 + bias2;
      s63 = s63 + bias3;
      s64 = s64 + bias4;
      s65 = s65 + bias5;
      s66 = s66 + bias6;
      s67 = s67 + bias7;
      s70 = s70 + bias0;
      s71 = s71 + bias1;
      s72 = s72 + bias2;
      s73 = s73 + bias3;
      s74 = s74 + bias4;
      s75 = s75 + bias5;
      s76 = s76 + bias6;
      s77 = s77 + bias7;
    }
    store(out, r, c, m, q, stride, s00);
    store(out, r, c + SIDE, m, q, stride, s01);
    store(out, r, c + 2 * SIDE, m, q, stride, s02);
    store(out, r, c + 3 * SIDE, m, q, stride, s03);
    store(out, r, c + 4 * SIDE, m, q, stride, s04);
    store(out, r, c + 5 * SIDE, m, q, stride, s05);
    store(out, r, c + 6 * SIDE, m, q, stride, s06);
    store(out, r, c + 7 * SIDE, m, q, stride, s07);
    store(out, r + 1, c, m, q, stride, s10);
    store(out, r + 1, c + SIDE, m, q, stride, s11);
    store(out, r + 1, c + 2 * SIDE, m, q, stride, s12);
    store(out, r + 1, c + 3 * SIDE, m, q, stride, s13);
    store(out, r + 1, c + 4 * SIDE, m, q, stride, s14);
    store(out, r + 1, c + 5 * SIDE, m, q, stride, s15);
    store(out, r + 1, c + 6 * SIDE, m, q, stride, s16);
    store(out, r + 1, c + 7 * SIDE, m, q, stride, s17);
    store(out, r + 2, c, m, q, stride, s20);
    store(out, r + 2, c + SIDE, m, q, stride, s21);
    store(out, r + 2, c + 2 * SIDE, m, q, stride, s22);
    store(out, r + 2, c + 3 * SIDE, m, q, stride, s23);
    store(out, r + 2, c + 4 * SIDE, m, q, stride, s24);
    store(out, r + 2, c + 5 * SIDE, m, q, stride, s25);
    store(out, r + 2, c + 6 * SIDE, m, q, stride, s26);
    store(out, r + 2, c + 7 * SIDE, m, q, stride, s27);
    store(out, r + 3, c, m, q, stride, s30);
    store(out, r + 3, c + SIDE, m, q, stride, s31);
    store(out, r + 3, c + 2 * SIDE, m, q, stride, s32);
    store(out, r + 3, c + 3 * SIDE, m, q, stride, s33);
    store(out, r + 3, c + 4 * SIDE, m, q, stride, s34);
    store(out, r + 3, c + 5 * SIDE, m, q, stride, s35);
    store(out, r + 3, c + 6 * SIDE, m, q, stride, s36);
    store(out, r + 3, c + 7 * SIDE, m, q, stride, s37);
    store(out, r + 4, c, m, q, stride, s40);
    store(out, r + 4, c + SIDE, m, q, stride, s41);
    store(out, r + 4, c + 2 * SIDE, m, q, stride, s42);
    store(out, r + 4, c + 3 * SIDE, m, q, stride, s43);
    store(out, r + 4, c + 4 * SIDE, m, q, stride, s44);
    store(out, r + 4, c + 5 * SIDE, m, q, stride, s45);
    store(out, r + 4, c + 6 * SIDE, m, q, stride, s46);
    store(out, r + 4, c + 7 * SIDE, m, q, stride, s47);
    store(out, r + 5, c, m, q, stride, s50);
    store(out, r + 5, c + SIDE, m, q, stride, s51);
    store(out, r + 5, c + 2 * SIDE, m, q, stride, s52);
    store(out, r + 5, c + 3 * SIDE, m, q, stride, s53);
    store(out, r + 5, c + 4 * SIDE, m, q, stride, s54);
    store(out, r + 5, c + 5 * SIDE, m, q, stride, s55);
    store(out, r + 5, c + 6 * SIDE, m, q, stride, s56);
    store(out, r + 5, c + 7 * SIDE, m, q, stride, s57);
    store(out, r + 6, c, m, q, stride, s60);
    store(out, r + 6, c + SIDE, m, q, stride, s61);
    store(out, r + 6, c + 2 * SIDE, m, q, stride, s62);
    store(out, r + 6, c + 3 * SIDE, m, q, stride, s63);
    store(out, r + 6, c + 4 * SIDE, m, q, stride, s64);
    store(out, r + 6, c + 5 * SIDE, m, q, stride, s65);
    store(out, r + 6, c + 6 * SIDE, m, q, stride, s66);
    store(out, r + 6, c + 7 * SIDE, m, q, stride, s67);
    store(out, r + 7, c, m, q, stride, s70);
    store(out, r + 7, c + SIDE, m, q, stride, s71);
    store(out, r + 7, c + 2 * SIDE, m, q, stride, s72);
    store(out, r + 7, c + 3 * SIDE, m, q, stride, s73);
    store(out, r + 7, c + 4 * SIDE, m, q, stride, s74);
    store(out, r + 7, c + 5 * SIDE, m, q, stride, s75);
    store(out, r + 7, c + 6 * SIDE, m, q, stride, s76);
    store(out, r + 7, c + 7 * SIDE, m, q, stride, s77);
    if ((flags & RANKED) != 0) {
      int into = tx * LEFT_PITCH + ty * 8;
      float f0 = scaleOf(scale, c0, flags);
      float f1 = scaleOf(scale, c1, flags);
      float f2 = scaleOf(scale, c2, flags);
      float f3 = scaleOf(scale, c3, flags);
      float f4 = scaleOf(scale, c4, flags);
      float f5 = scaleOf(scale, c5, flags);
      float f6 = scaleOf(scale, c6, flags);
      float f7 = scaleOf(scale, c7, flags);
      left[into] =
          greatest(s00, s01, s02, s03, s04, s05, s06, s07, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 1] =
          greatest(s10, s11, s12, s13, s14, s15, s16, s17, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 2] =
          greatest(s20, s21, s22, s23, s24, s25, s26, s27, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 3] =
          greatest(s30, s31, s32, s33, s34, s35, s36, s37, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 4] =
          greatest(s40, s41, s42, s43, s44, s45, s46, s47, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 5] =
          greatest(s50, s51, s52, s53, s54, s55, s56, s57, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 6] =
          greatest(s60, s61, s62, s63, s64, s65, s66, s67, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      left[into + 7] =
          greatest(s70, s71, s72, s73, s74, s75, s76, s77, f0, f1, f2, f3, f4, f5, f6, f7, flags);
      context.localBarrier();
      int own = ty * SIDE + tx;
      if (own < TILE) {
        float greatest = left[own];
        float doubt = greatest * 0f;
        for (int other = 1; other < SIDE; other++) {
          float rank = left[other * LEFT_PITCH + own];
          doubt += rank * 0f;
          greatest = TornadoMath.max(greatest, rank);
        }
        if (row + own < m) {
          maxima.set((row + own) * tiles(stride) + context.groupIdx, greatest + doubt);
        }
      }
    }
  }

  static int rowStart(int i, int m, int from, int aRow) {
    return (from + (i < m ? i : m - 1)) * aRow;
  }

  static int column(IntArray map, int j, int q, int flags) {
    int column = j < q ? j : q - 1;
    if ((flags & MAPPED) != 0) {
      column = map.get(column);
    }
    return column;
  }

  static void store(FloatArray out, int row, int col, int m, int q, int stride, float value) {
    if (row < m) {
      if (col < q) {
        out.set(row * stride + col, value);
      }
    }
  }

  static float scaleOf(FloatArray scale, int column, int flags) {
    float factor = 1f;
    if ((flags & SCALED) != 0) {
      factor = scale.get(column);
    }
    return factor;
  }

  /** The greatest rank; NaN if a value or a rank is not finite: otherwise 0 x is 0. */
  static float greatest(
      float v0,
      float v1,
      float v2,
      float v3,
      float v4,
      float v5,
      float v6,
      float v7,
      float f0,
      float f1,
      float f2,
      float f3,
      float f4,
      float f5,
      float f6,
      float f7,
      int flags) {
    float k0 = rank(v0, f0, flags);
    float k1 = rank(v1, f1, flags);
    float k2 = rank(v2, f2, flags);
    float k3 = rank(v3, f3, flags);
    float k4 = rank(v4, f4, flags);
    float k5 = rank(v5, f5, flags);
    float k6 = rank(v6, f6, flags);
    float k7 = rank(v7, f7, flags);
    float doubt = v0 * 0f;
    doubt += v1 * 0f;
    doubt += v2 * 0f;
    doubt += v3 * 0f;
    doubt += v4 * 0f;
    doubt += v5 * 0f;
    doubt += v6 * 0f;
    doubt += v7 * 0f;
    doubt += k0 * 0f;
    doubt += k1 * 0f;
    doubt += k2 * 0f;
    doubt += k3 * 0f;
    doubt += k4 * 0f;
    doubt += k5 * 0f;
    doubt += k6 * 0f;
    doubt += k7 * 0f;
    float greatest = TornadoMath.max(k0, k1);
    greatest = TornadoMath.max(greatest, k2);
    greatest = TornadoMath.max(greatest, k3);
    greatest = TornadoMath.max(greatest, k4);
    greatest = TornadoMath.max(greatest, k5);
    greatest = TornadoMath.max(greatest, k6);
    greatest = TornadoMath.max(greatest, k7);
    return greatest + doubt;
  }

  /** The greater of two ranks, NaN if either is. */
  static float greater(float a, float b) {
    float doubt = a * 0f;
    doubt += b * 0f;
    return TornadoMath.max(a, b) + doubt;
  }

  private static float rank(float value, float factor, int flags) {
    float ranked = value;
    if ((flags & RELU_BEFORE) != 0) {
      ranked = ranked > 0f ? ranked : 0f;
    }
    if ((flags & SCALED) != 0) {
      ranked = ranked * factor;
    }
    return ranked;
  }
}
