package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What a sample does with its own codes. They lie in one of two ways: {@code capacity} codes apart,
 * as many of them in every row as control's slot {@code codes} says; or, if {@code capacity} is 0,
 * row after row without gaps, rows of any length.
 */
public final class CodeKernels {
  private CodeKernels() {}

  /**
   * Sparse decode, a work-item per element: one chain over the row's latents in ascending order,
   * b_dec added last if {@code biased} is 1 (rule 3). Works only if control's slot {@code gate} is
   * not 0.
   *
   * @param starts where each row begins and the last one ends, if {@code capacity} is 0
   */
  public static void decode(
      KernelContext context,
      IntArray control,
      IntArray starts,
      IntArray indices,
      FloatArray values,
      FloatArray wDec,
      FloatArray bDec,
      FloatArray out,
      int d,
      int capacity,
      int codes,
      int biased,
      int gate) {
    int i = context.globalIdx;
    int row = i / d;
    int col = i - row * d;
    int live = control.get(gate) != 0 ? 1 : 0;
    live = live & (row < control.get(StepControl.ROWS) ? 1 : 0);
    float sum = 0f;
    if (live == 1) {
      int at = row * capacity;
      int end = at + control.get(codes);
      if (capacity == 0) {
        at = starts.get(row);
        end = starts.get(row + 1);
      }
      for (; at < end; at++) {
        sum += values.get(at) * wDec.get(indices.get(at) * d + col);
      }
      if (biased == 1) {
        sum = sum + bDec.get(col);
      }
    }
    if (live == 1) {
      out.set(i, sum);
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
        for (int j = lane; j < d; j += RowKernels.LANES) {
          sum += g.get(sample + j) * wDec.get(weights + j);
        }
      }
    }
    float total = RowKernels.join(context, item, lane, sum);
    if ((live & (lane == 0 ? 1 : 0)) == 1) {
      out.set(at, total);
    }
  }
}
