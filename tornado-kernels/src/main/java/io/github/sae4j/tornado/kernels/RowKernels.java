package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Kernels that need a sum along a row: 16 work-items per row are the 16 lanes of numerics rule 2,
 * 16 rows a group. Work-items of rows beyond the last one keep going to the barriers.
 */
public final class RowKernels {
  /** Lanes of a row sum. */
  public static final int LANES = 16;

  /** Rows of a group. */
  public static final int ROWS_PER_GROUP = 16;

  /** Work-items of a group. */
  public static final int GROUP = LANES * ROWS_PER_GROUP;

  private RowKernels() {}

  /**
   * Joins the lanes of each row by the halving tree; every lane of a row gets the sum. All
   * work-items of the group come here, outside of branches and loops: the local array is this
   * helper's own, because TornadoVM 5.2.0 knows a local array only in the method that allocates it,
   * and OpenCL wants it declared at the outermost scope of the kernel.
   */
  public static float join(KernelContext context, int item, int lane, float mine) {
    float[] sums = context.allocateFloatLocalArray(GROUP);
    sums[item] = mine;
    context.localBarrier();
    for (int half = LANES / 2; half > 0; half >>= 1) {
      if (lane < half) {
        sums[item] = sums[item] + sums[item + half];
      }
      context.localBarrier();
    }
    return sums[item - lane];
  }

  /**
   * Row dot products, and their square roots if {@code root} is 1.
   *
   * @param rows slot of the number of rows
   */
  public static void rowDots(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray b,
      FloatArray out,
      int d,
      int rows,
      int root,
      int gate) {
    int item = context.localIdx;
    int lane = item % LANES;
    int row = context.groupIdx * ROWS_PER_GROUP + item / LANES;
    int inside = row < control.get(rows) ? 1 : 0;
    int live = inside & (control.get(gate) != 0 ? 1 : 0);
    float sum = 0f;
    if (live == 1) {
      for (int j = lane; j < d; j += LANES) {
        sum += a.get(row * d + j) * b.get(row * d + j);
      }
    }
    float total = join(context, item, lane, sum);
    if (root == 1) {
      total = TornadoMath.sqrt(total);
    }
    if ((live & (lane == 0 ? 1 : 0)) == 1) {
      out.set(row, total);
    }
  }

  /**
   * Squared distances to a center: row b's center is row {@code b / microRows} of {@code centers}.
   */
  public static void rowSquaredDistances(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray centers,
      FloatArray out,
      int d,
      int microRows,
      int gate) {
    int item = context.localIdx;
    int lane = item % LANES;
    int row = context.groupIdx * ROWS_PER_GROUP + item / LANES;
    int inside = row < control.get(StepControl.ROWS) ? 1 : 0;
    int live = inside & (control.get(gate) != 0 ? 1 : 0);
    float sum = 0f;
    if (live == 1) {
      int center = (row / microRows) * d;
      for (int j = lane; j < d; j += LANES) {
        float difference = a.get(row * d + j) - centers.get(center + j);
        sum += difference * difference;
      }
    }
    float total = join(context, item, lane, sum);
    if ((live & (lane == 0 ? 1 : 0)) == 1) {
      out.set(row, total);
    }
  }

  /** Rows to unit norm: each element divided by (norm + constants[0]), unless that is 0. */
  public static void normalizeRows(
      KernelContext context,
      IntArray control,
      FloatArray w,
      FloatArray constants,
      int d,
      int rows,
      int gate) {
    int item = context.localIdx;
    int lane = item % LANES;
    int row = context.groupIdx * ROWS_PER_GROUP + item / LANES;
    int inside = row < control.get(rows) ? 1 : 0;
    int live = inside & (control.get(gate) != 0 ? 1 : 0);
    float sum = 0f;
    if (live == 1) {
      for (int j = lane; j < d; j += LANES) {
        float value = w.get(row * d + j);
        sum += value * value;
      }
    }
    float total = join(context, item, lane, sum);
    float divisor = TornadoMath.sqrt(total) + constants.get(0);
    if ((live & (divisor > 0f ? 1 : 0)) == 1) {
      for (int j = lane; j < d; j += LANES) {
        w.set(row * d + j, w.get(row * d + j) / divisor);
      }
    }
  }

  /**
   * Removes from each gradient row its part parallel to the weight row, as {@code
   * Device.projectRows} writes it out.
   *
   * @param constants [0] is epsilon
   * @param scaled whether epsilon is positive, so that rows are divided by (norm + epsilon) first
   */
  public static void projectRows(
      KernelContext context,
      IntArray control,
      FloatArray gradient,
      FloatArray w,
      FloatArray constants,
      int d,
      int rows,
      int scaled) {
    float[] factors = context.allocateFloatLocalArray(ROWS_PER_GROUP);
    int item = context.localIdx;
    int lane = item % LANES;
    int row = context.groupIdx * ROWS_PER_GROUP + item / LANES;
    int live = row < control.get(rows) ? 1 : 0;
    float square = 0f;
    if ((live & scaled) == 1) {
      for (int j = lane; j < d; j += LANES) {
        float value = w.get(row * d + j);
        square += value * value;
      }
    }
    float norm = TornadoMath.sqrt(join(context, item, lane, square));
    float divisor = 1f;
    if (scaled == 1) {
      divisor = norm + constants.get(0);
    }
    float sum = 0f;
    if (live == 1) {
      for (int j = lane; j < d; j += LANES) {
        // Dividing by 1 changes no bit.
        float unit = w.get(row * d + j) / divisor;
        sum += gradient.get(row * d + j) * unit;
      }
    }
    float total = join(context, item, lane, sum);
    // Through memory: g - u c in place of g + u (-c) would not become an fma.
    if (lane == 0) {
      factors[item / LANES] = -total;
    }
    context.localBarrier();
    float negated = factors[item / LANES];
    if (live == 1) {
      for (int j = lane; j < d; j += LANES) {
        float unit = w.get(row * d + j) / divisor;
        gradient.set(row * d + j, gradient.get(row * d + j) + unit * negated);
      }
    }
  }
}
