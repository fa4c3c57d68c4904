package io.github.sae4j.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** What a sample does with its own codes. {@code capacity} is the row stride of codes. */
final class CodeKernels {
  private CodeKernels() {}

  /**
   * Sparse decode, a work-item per element: one chain over the row's latents in ascending order,
   * b_dec added last if {@code biased} is 1 (rule 3). Works only if flow's slot {@code gate} is not
   * 0.
   */
  static void decode(
      KernelContext context,
      IntArray flow,
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
    int live = flow.get(gate) != 0 ? 1 : 0;
    live = live & (row < flow.get(Flow.ROWS) ? 1 : 0);
    float sum = 0f;
    if (live == 1) {
      int k = flow.get(codes);
      for (int slot = 0; slot < k; slot++) {
        int at = row * capacity + slot;
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
   */
  static void codeGradients(
      KernelContext context,
      IntArray flow,
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
    int k = flow.get(codes);
    int codeCount = flow.get(Flow.ROWS) * k;
    int live = i < codeCount ? 1 : 0;
    int row = k > 0 ? i / k : 0;
    int at = row * capacity + i - row * k;
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
