package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What a sample does with its own codes. They lie in one of two ways: {@code capacity} codes apart,
 * as many of them in every row as control's slot {@code codes} says; or, if {@code capacity} is 0,
 * row after row without gaps, rows of any length.
 */
public final class CodeKernels {
  /** A bias is added. */
  public static final int BIASED = 1;

  /** Another matrix is subtracted. */
  public static final int LESS = 2;

  /** Another matrix is added. */
  public static final int MORE = 4;

  private CodeKernels() {}

  /**
   * Sparse decode by {@link Strips}: one chain over the row's latents in ascending order (rule 3),
   * then what flags ask for. Works only if control's slot {@code gate} is not 0.
   *
   * @param starts where each row begins and the last one ends, if {@code capacity} is 0
   * @param bDec is added last with {@link #BIASED}
   * @param other {@code [rows, d]}: subtracted from the reconstruction with {@link #LESS}, added to
   *     it with {@link #MORE}
   * @param strips columns of a work-item
   * @param flags what is wanted besides
   */
  public static void decode(
      KernelContext context,
      IntArray control,
      IntArray starts,
      IntArray indices,
      FloatArray values,
      FloatArray wDec,
      FloatArray bDec,
      FloatArray other,
      FloatArray out,
      int d,
      int capacity,
      int codes,
      int strips,
      int flags,
      int gate) {
    int item = context.localIdx;
    int row = context.groupIdx * Strips.ROWS + item / Strips.LANES;
    int c0 = context.groupIdy * (Strips.LANES * strips) + item % Strips.LANES;
    int c1 = c0 + Strips.LANES;
    int c2 = c0 + 2 * Strips.LANES;
    int c3 = c0 + 3 * Strips.LANES;
    int from0 = TornadoMath.min(c0, d - 1);
    int from1 = TornadoMath.min(c1, d - 1);
    int from2 = TornadoMath.min(c2, d - 1);
    int from3 = TornadoMath.min(c3, d - 1);
    int live = control.get(gate) != 0 ? 1 : 0;
    live = live & (row < control.get(StepControl.ROWS) ? 1 : 0);
    float s0 = 0f;
    float s1 = 0f;
    float s2 = 0f;
    float s3 = 0f;
    if (live == 1) {
      int at = row * capacity;
      int end = at + control.get(codes);
      if (capacity == 0) {
        at = starts.get(row);
        end = starts.get(row + 1);
      }
      for (; at < end; at += 4) {
        int atB = TornadoMath.min(at + 1, end - 1);
        int atC = TornadoMath.min(at + 2, end - 1);
        int atD = TornadoMath.min(at + 3, end - 1);
        int rowA = indices.get(at) * d;
        int rowB = indices.get(atB) * d;
        int rowC = indices.get(atC) * d;
        int rowD = indices.get(atD) * d;
        float vA = values.get(at);
        float vB = values.get(atB);
        float vC = values.get(atC);
        float vD = values.get(atD);
        float xA0 = wDec.get(rowA + from0);
        float xB0 = wDec.get(rowB + from0);
        float xC0 = wDec.get(rowC + from0);
        float xD0 = wDec.get(rowD + from0);
        float xA1 = strips > 1 ? wDec.get(rowA + from1) : 0f;
        float xB1 = strips > 1 ? wDec.get(rowB + from1) : 0f;
        float xC1 = strips > 1 ? wDec.get(rowC + from1) : 0f;
        float xD1 = strips > 1 ? wDec.get(rowD + from1) : 0f;
        float xA2 = strips > 2 ? wDec.get(rowA + from2) : 0f;
        float xB2 = strips > 2 ? wDec.get(rowB + from2) : 0f;
        float xC2 = strips > 2 ? wDec.get(rowC + from2) : 0f;
        float xD2 = strips > 2 ? wDec.get(rowD + from2) : 0f;
        float xA3 = strips > 2 ? wDec.get(rowA + from3) : 0f;
        float xB3 = strips > 2 ? wDec.get(rowB + from3) : 0f;
        float xC3 = strips > 2 ? wDec.get(rowC + from3) : 0f;
        float xD3 = strips > 2 ? wDec.get(rowD + from3) : 0f;
        if (at + 4 > end) {
          vB = at + 1 < end ? vB : -0f;
          xB0 = at + 1 < end ? xB0 : 0f;
          xB1 = at + 1 < end ? xB1 : 0f;
          xB2 = at + 1 < end ? xB2 : 0f;
          xB3 = at + 1 < end ? xB3 : 0f;
          vC = at + 2 < end ? vC : -0f;
          xC0 = at + 2 < end ? xC0 : 0f;
          xC1 = at + 2 < end ? xC1 : 0f;
          xC2 = at + 2 < end ? xC2 : 0f;
          xC3 = at + 2 < end ? xC3 : 0f;
          vD = at + 3 < end ? vD : -0f;
          xD0 = at + 3 < end ? xD0 : 0f;
          xD1 = at + 3 < end ? xD1 : 0f;
          xD2 = at + 3 < end ? xD2 : 0f;
          xD3 = at + 3 < end ? xD3 : 0f;
        }
        s0 += vA * xA0;
        s0 += vB * xB0;
        s0 += vC * xC0;
        s0 += vD * xD0;
        if (strips > 1) {
          s1 += vA * xA1;
          s1 += vB * xB1;
          s1 += vC * xC1;
          s1 += vD * xD1;
        }
        if (strips > 2) {
          s2 += vA * xA2;
          s2 += vB * xB2;
          s2 += vC * xC2;
          s2 += vD * xD2;
          s3 += vA * xA3;
          s3 += vB * xB3;
          s3 += vC * xC3;
          s3 += vD * xD3;
        }
      }
      if ((flags & BIASED) != 0) {
        s0 = s0 + bDec.get(from0);
        if (strips > 1) {
          s1 = s1 + bDec.get(from1);
        }
        if (strips > 2) {
          s2 = s2 + bDec.get(from2);
          s3 = s3 + bDec.get(from3);
        }
      }
      if ((flags & LESS) != 0) {
        s0 = s0 - other.get(row * d + from0);
        if (strips > 1) {
          s1 = s1 - other.get(row * d + from1);
        }
        if (strips > 2) {
          s2 = s2 - other.get(row * d + from2);
          s3 = s3 - other.get(row * d + from3);
        }
      }
      if ((flags & MORE) != 0) {
        s0 = s0 + other.get(row * d + from0);
        if (strips > 1) {
          s1 = s1 + other.get(row * d + from1);
        }
        if (strips > 2) {
          s2 = s2 + other.get(row * d + from2);
          s3 = s3 + other.get(row * d + from3);
        }
      }
    }
    if ((live & (c0 < d ? 1 : 0)) == 1) {
      out.set(row * d + c0, s0);
    }
    if (strips > 1) {
      if ((live & (c1 < d ? 1 : 0)) == 1) {
        out.set(row * d + c1, s1);
      }
    }
    if (strips > 2) {
      if ((live & (c2 < d ? 1 : 0)) == 1) {
        out.set(row * d + c2, s2);
      }
      if ((live & (c3 < d ? 1 : 0)) == 1) {
        out.set(row * d + c3, s3);
      }
    }
  }

  /**
   * Gradient of each code by lanes (rule 2): 16 work-items per code, 16 codes a group. Codes that
   * are not positive get +0 if {@code gated} is 1.
   *
   * @param rowOf if {@code capacity} is 0: row of each code, or -1 where there is none; its length
   *     is in control's slot {@code codes}
   */
  public static void codeGradients(
      KernelContext context,
      IntArray control,
      IntArray rowOf,
      FloatArray g,
      FloatArray wDec,
      IntArray indices,
      FloatArray values,
      FloatArray out,
      int d,
      int capacity,
      int codes,
      int gated) {
    int item = context.localIdx;
    int lane = item % RowKernels.LANES;
    int i = context.groupIdx * RowKernels.ROWS_PER_GROUP + item / RowKernels.LANES;
    int k = control.get(codes);
    int row = k > 0 ? i / k : 0;
    int at = row * capacity + i - row * k;
    int live = i < control.get(StepControl.ROWS) * k ? 1 : 0;
    if (capacity == 0) {
      row = -1;
      if (i < k) {
        row = rowOf.get(i);
      }
      at = i;
      live = row >= 0 ? 1 : 0;
    }
    float sum = 0f;
    if (live == 1) {
      int open = 1;
      if (gated == 1) {
        open = values.get(at) > 0f ? 1 : 0;
      }
      if (open == 1) {
        int weights = indices.get(at) * d;
        int sample = row * d;
        // Eight elements are read before the first is added; beyond the last, fma(-0, 0, s) is s.
        for (int j = lane; j < d; j += 8 * RowKernels.LANES) {
          int j1 = j + RowKernels.LANES < d ? j + RowKernels.LANES : j;
          int j2 = j + 2 * RowKernels.LANES < d ? j + 2 * RowKernels.LANES : j;
          int j3 = j + 3 * RowKernels.LANES < d ? j + 3 * RowKernels.LANES : j;
          int j4 = j + 4 * RowKernels.LANES < d ? j + 4 * RowKernels.LANES : j;
          int j5 = j + 5 * RowKernels.LANES < d ? j + 5 * RowKernels.LANES : j;
          int j6 = j + 6 * RowKernels.LANES < d ? j + 6 * RowKernels.LANES : j;
          int j7 = j + 7 * RowKernels.LANES < d ? j + 7 * RowKernels.LANES : j;
          float g0 = g.get(sample + j);
          float g1 = g.get(sample + j1);
          float g2 = g.get(sample + j2);
          float g3 = g.get(sample + j3);
          float g4 = g.get(sample + j4);
          float g5 = g.get(sample + j5);
          float g6 = g.get(sample + j6);
          float g7 = g.get(sample + j7);
          float w0 = wDec.get(weights + j);
          float w1 = wDec.get(weights + j1);
          float w2 = wDec.get(weights + j2);
          float w3 = wDec.get(weights + j3);
          float w4 = wDec.get(weights + j4);
          float w5 = wDec.get(weights + j5);
          float w6 = wDec.get(weights + j6);
          float w7 = wDec.get(weights + j7);
          if (j + 7 * RowKernels.LANES >= d) {
            g1 = j + RowKernels.LANES < d ? g1 : -0f;
            w1 = j + RowKernels.LANES < d ? w1 : 0f;
            g2 = j + 2 * RowKernels.LANES < d ? g2 : -0f;
            w2 = j + 2 * RowKernels.LANES < d ? w2 : 0f;
            g3 = j + 3 * RowKernels.LANES < d ? g3 : -0f;
            w3 = j + 3 * RowKernels.LANES < d ? w3 : 0f;
            g4 = j + 4 * RowKernels.LANES < d ? g4 : -0f;
            w4 = j + 4 * RowKernels.LANES < d ? w4 : 0f;
            g5 = j + 5 * RowKernels.LANES < d ? g5 : -0f;
            w5 = j + 5 * RowKernels.LANES < d ? w5 : 0f;
            g6 = j + 6 * RowKernels.LANES < d ? g6 : -0f;
            w6 = j + 6 * RowKernels.LANES < d ? w6 : 0f;
            g7 = j + 7 * RowKernels.LANES < d ? g7 : -0f;
            w7 = j + 7 * RowKernels.LANES < d ? w7 : 0f;
          }
          sum += g0 * w0;
          sum += g1 * w1;
          sum += g2 * w2;
          sum += g3 * w3;
          sum += g4 * w4;
          sum += g5 * w5;
          sum += g6 * w6;
          sum += g7 * w7;
        }
      }
    }
    float total = RowKernels.join(context, item, lane, sum);
    if ((live & (lane == 0 ? 1 : 0)) == 1) {
      out.set(at, total);
    }
  }
}
