package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Kernels that need a sum along a row: 16 work-items per row are the 16 lanes of numerics rule 2,
 * 16 rows a group. Work-items of rows beyond the last one keep going to the barriers.
 *
 * <p>A lane asks for eight elements before it adds the first, so that it waits for memory once for
 * all of them. Beyond its last element, one of its own is read again as {@code -0 * 0}: {@code
 * fma(-0, 0, s)} is s, whatever s is; for a sum of squares, which is never -0, as {@code 0 * 0}.
 */
public final class RowKernels {
  /** Lanes of a row sum. */
  public static final int LANES = 16;

  /** Rows of a group. */
  public static final int ROWS_PER_GROUP = 16;

  /** Work-items of a group. */
  public static final int GROUP = LANES * ROWS_PER_GROUP;

  /** Elements that {@link #squaredNorm} stages at a time. */
  private static final int STAGED = 8 * GROUP;

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
      int at = row * d;
      for (int j = lane; j < d; j += 8 * LANES) {
        int j1 = j + LANES < d ? j + LANES : j;
        int j2 = j + 2 * LANES < d ? j + 2 * LANES : j;
        int j3 = j + 3 * LANES < d ? j + 3 * LANES : j;
        int j4 = j + 4 * LANES < d ? j + 4 * LANES : j;
        int j5 = j + 5 * LANES < d ? j + 5 * LANES : j;
        int j6 = j + 6 * LANES < d ? j + 6 * LANES : j;
        int j7 = j + 7 * LANES < d ? j + 7 * LANES : j;
        float x0 = a.get(at + j);
        float x1 = a.get(at + j1);
        float x2 = a.get(at + j2);
        float x3 = a.get(at + j3);
        float x4 = a.get(at + j4);
        float x5 = a.get(at + j5);
        float x6 = a.get(at + j6);
        float x7 = a.get(at + j7);
        float y0 = b.get(at + j);
        float y1 = b.get(at + j1);
        float y2 = b.get(at + j2);
        float y3 = b.get(at + j3);
        float y4 = b.get(at + j4);
        float y5 = b.get(at + j5);
        float y6 = b.get(at + j6);
        float y7 = b.get(at + j7);
        if (j + 7 * LANES >= d) {
          x1 = j + LANES < d ? x1 : -0f;
          y1 = j + LANES < d ? y1 : 0f;
          x2 = j + 2 * LANES < d ? x2 : -0f;
          y2 = j + 2 * LANES < d ? y2 : 0f;
          x3 = j + 3 * LANES < d ? x3 : -0f;
          y3 = j + 3 * LANES < d ? y3 : 0f;
          x4 = j + 4 * LANES < d ? x4 : -0f;
          y4 = j + 4 * LANES < d ? y4 : 0f;
          x5 = j + 5 * LANES < d ? x5 : -0f;
          y5 = j + 5 * LANES < d ? y5 : 0f;
          x6 = j + 6 * LANES < d ? x6 : -0f;
          y6 = j + 6 * LANES < d ? y6 : 0f;
          x7 = j + 7 * LANES < d ? x7 : -0f;
          y7 = j + 7 * LANES < d ? y7 : 0f;
        }
        sum += x0 * y0;
        sum += x1 * y1;
        sum += x2 * y2;
        sum += x3 * y3;
        sum += x4 * y4;
        sum += x5 * y5;
        sum += x6 * y6;
        sum += x7 * y7;
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
   * The sum of squares of one long row, by the same 16 lanes: all of a group brings elements to
   * local memory, and while the lanes add them up, the next ones come. There are two places for
   * them, so that one barrier is enough.
   *
   * @param out receives it at 0
   * @param size number of elements
   */
  public static void squaredNorm(KernelContext context, FloatArray a, FloatArray out, int size) {
    float[] staged = context.allocateFloatLocalArray(2 * STAGED);
    int item = context.localIdx;
    float x0 = a.get(TornadoMath.min(item, size - 1));
    float x1 = a.get(TornadoMath.min(item + GROUP, size - 1));
    float x2 = a.get(TornadoMath.min(item + 2 * GROUP, size - 1));
    float x3 = a.get(TornadoMath.min(item + 3 * GROUP, size - 1));
    float x4 = a.get(TornadoMath.min(item + 4 * GROUP, size - 1));
    float x5 = a.get(TornadoMath.min(item + 5 * GROUP, size - 1));
    float x6 = a.get(TornadoMath.min(item + 6 * GROUP, size - 1));
    float x7 = a.get(TornadoMath.min(item + 7 * GROUP, size - 1));
    float sum = 0f;
    int half = 0;
    for (int at = 0; at < size; at += STAGED) {
      if (at + STAGED > size) {
        // Beyond the last element: fma(0, 0, s) is s, a sum of squares not being -0.
        x0 = at + item < size ? x0 : 0f;
        x1 = at + item + GROUP < size ? x1 : 0f;
        x2 = at + item + 2 * GROUP < size ? x2 : 0f;
        x3 = at + item + 3 * GROUP < size ? x3 : 0f;
        x4 = at + item + 4 * GROUP < size ? x4 : 0f;
        x5 = at + item + 5 * GROUP < size ? x5 : 0f;
        x6 = at + item + 6 * GROUP < size ? x6 : 0f;
        x7 = at + item + 7 * GROUP < size ? x7 : 0f;
      }
      int into = half * STAGED + item;
      staged[into] = x0;
      staged[into + GROUP] = x1;
      staged[into + 2 * GROUP] = x2;
      staged[into + 3 * GROUP] = x3;
      staged[into + 4 * GROUP] = x4;
      staged[into + 5 * GROUP] = x5;
      staged[into + 6 * GROUP] = x6;
      staged[into + 7 * GROUP] = x7;
      context.localBarrier();
      int next = at + STAGED + item;
      x0 = a.get(TornadoMath.min(next, size - 1));
      x1 = a.get(TornadoMath.min(next + GROUP, size - 1));
      x2 = a.get(TornadoMath.min(next + 2 * GROUP, size - 1));
      x3 = a.get(TornadoMath.min(next + 3 * GROUP, size - 1));
      x4 = a.get(TornadoMath.min(next + 4 * GROUP, size - 1));
      x5 = a.get(TornadoMath.min(next + 5 * GROUP, size - 1));
      x6 = a.get(TornadoMath.min(next + 6 * GROUP, size - 1));
      x7 = a.get(TornadoMath.min(next + 7 * GROUP, size - 1));
      if (item < LANES) {
        int from = half * STAGED + item;
        for (int step = from; step < from + STAGED; step += 16 * LANES) {
          float y0 = staged[step];
          float y1 = staged[step + LANES];
          float y2 = staged[step + 2 * LANES];
          float y3 = staged[step + 3 * LANES];
          float y4 = staged[step + 4 * LANES];
          float y5 = staged[step + 5 * LANES];
          float y6 = staged[step + 6 * LANES];
          float y7 = staged[step + 7 * LANES];
          float y8 = staged[step + 8 * LANES];
          float y9 = staged[step + 9 * LANES];
          float y10 = staged[step + 10 * LANES];
          float y11 = staged[step + 11 * LANES];
          float y12 = staged[step + 12 * LANES];
          float y13 = staged[step + 13 * LANES];
          float y14 = staged[step + 14 * LANES];
          float y15 = staged[step + 15 * LANES];
          sum += y0 * y0;
          sum += y1 * y1;
          sum += y2 * y2;
          sum += y3 * y3;
          sum += y4 * y4;
          sum += y5 * y5;
          sum += y6 * y6;
          sum += y7 * y7;
          sum += y8 * y8;
          sum += y9 * y9;
          sum += y10 * y10;
          sum += y11 * y11;
          sum += y12 * y12;
          sum += y13 * y13;
          sum += y14 * y14;
          sum += y15 * y15;
        }
      }
      half = 1 - half;
    }
    float total = join(context, item, item % LANES, sum);
    if (item == 0) {
      out.set(0, total);
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
      int at = row * d;
      int center = (row / microRows) * d;
      for (int j = lane; j < d; j += 8 * LANES) {
        int j1 = j + LANES < d ? j + LANES : j;
        int j2 = j + 2 * LANES < d ? j + 2 * LANES : j;
        int j3 = j + 3 * LANES < d ? j + 3 * LANES : j;
        int j4 = j + 4 * LANES < d ? j + 4 * LANES : j;
        int j5 = j + 5 * LANES < d ? j + 5 * LANES : j;
        int j6 = j + 6 * LANES < d ? j + 6 * LANES : j;
        int j7 = j + 7 * LANES < d ? j + 7 * LANES : j;
        float x0 = a.get(at + j);
        float x1 = a.get(at + j1);
        float x2 = a.get(at + j2);
        float x3 = a.get(at + j3);
        float x4 = a.get(at + j4);
        float x5 = a.get(at + j5);
        float x6 = a.get(at + j6);
        float x7 = a.get(at + j7);
        float y0 = centers.get(center + j);
        float y1 = centers.get(center + j1);
        float y2 = centers.get(center + j2);
        float y3 = centers.get(center + j3);
        float y4 = centers.get(center + j4);
        float y5 = centers.get(center + j5);
        float y6 = centers.get(center + j6);
        float y7 = centers.get(center + j7);
        float z0 = x0 - y0;
        float z1 = x1 - y1;
        float z2 = x2 - y2;
        float z3 = x3 - y3;
        float z4 = x4 - y4;
        float z5 = x5 - y5;
        float z6 = x6 - y6;
        float z7 = x7 - y7;
        if (j + 7 * LANES >= d) {
          z1 = j + LANES < d ? z1 : 0f;
          z2 = j + 2 * LANES < d ? z2 : 0f;
          z3 = j + 3 * LANES < d ? z3 : 0f;
          z4 = j + 4 * LANES < d ? z4 : 0f;
          z5 = j + 5 * LANES < d ? z5 : 0f;
          z6 = j + 6 * LANES < d ? z6 : 0f;
          z7 = j + 7 * LANES < d ? z7 : 0f;
        }
        sum += z0 * z0;
        sum += z1 * z1;
        sum += z2 * z2;
        sum += z3 * z3;
        sum += z4 * z4;
        sum += z5 * z5;
        sum += z6 * z6;
        sum += z7 * z7;
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
      int at = row * d;
      for (int j = lane; j < d; j += 8 * LANES) {
        int j1 = j + LANES < d ? j + LANES : j;
        int j2 = j + 2 * LANES < d ? j + 2 * LANES : j;
        int j3 = j + 3 * LANES < d ? j + 3 * LANES : j;
        int j4 = j + 4 * LANES < d ? j + 4 * LANES : j;
        int j5 = j + 5 * LANES < d ? j + 5 * LANES : j;
        int j6 = j + 6 * LANES < d ? j + 6 * LANES : j;
        int j7 = j + 7 * LANES < d ? j + 7 * LANES : j;
        float x0 = w.get(at + j);
        float x1 = w.get(at + j1);
        float x2 = w.get(at + j2);
        float x3 = w.get(at + j3);
        float x4 = w.get(at + j4);
        float x5 = w.get(at + j5);
        float x6 = w.get(at + j6);
        float x7 = w.get(at + j7);
        if (j + 7 * LANES >= d) {
          x1 = j + LANES < d ? x1 : 0f;
          x2 = j + 2 * LANES < d ? x2 : 0f;
          x3 = j + 3 * LANES < d ? x3 : 0f;
          x4 = j + 4 * LANES < d ? x4 : 0f;
          x5 = j + 5 * LANES < d ? x5 : 0f;
          x6 = j + 6 * LANES < d ? x6 : 0f;
          x7 = j + 7 * LANES < d ? x7 : 0f;
        }
        sum += x0 * x0;
        sum += x1 * x1;
        sum += x2 * x2;
        sum += x3 * x3;
        sum += x4 * x4;
        sum += x5 * x5;
        sum += x6 * x6;
        sum += x7 * x7;
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
      int at = row * d;
      for (int j = lane; j < d; j += 8 * LANES) {
        int j1 = j + LANES < d ? j + LANES : j;
        int j2 = j + 2 * LANES < d ? j + 2 * LANES : j;
        int j3 = j + 3 * LANES < d ? j + 3 * LANES : j;
        int j4 = j + 4 * LANES < d ? j + 4 * LANES : j;
        int j5 = j + 5 * LANES < d ? j + 5 * LANES : j;
        int j6 = j + 6 * LANES < d ? j + 6 * LANES : j;
        int j7 = j + 7 * LANES < d ? j + 7 * LANES : j;
        float x0 = w.get(at + j);
        float x1 = w.get(at + j1);
        float x2 = w.get(at + j2);
        float x3 = w.get(at + j3);
        float x4 = w.get(at + j4);
        float x5 = w.get(at + j5);
        float x6 = w.get(at + j6);
        float x7 = w.get(at + j7);
        if (j + 7 * LANES >= d) {
          x1 = j + LANES < d ? x1 : 0f;
          x2 = j + 2 * LANES < d ? x2 : 0f;
          x3 = j + 3 * LANES < d ? x3 : 0f;
          x4 = j + 4 * LANES < d ? x4 : 0f;
          x5 = j + 5 * LANES < d ? x5 : 0f;
          x6 = j + 6 * LANES < d ? x6 : 0f;
          x7 = j + 7 * LANES < d ? x7 : 0f;
        }
        square += x0 * x0;
        square += x1 * x1;
        square += x2 * x2;
        square += x3 * x3;
        square += x4 * x4;
        square += x5 * x5;
        square += x6 * x6;
        square += x7 * x7;
      }
    }
    float norm = TornadoMath.sqrt(join(context, item, lane, square));
    float divisor = 1f;
    if (scaled == 1) {
      divisor = norm + constants.get(0);
    }
    float sum = 0f;
    if (live == 1) {
      int at = row * d;
      for (int j = lane; j < d; j += 4 * LANES) {
        int j1 = j + LANES < d ? j + LANES : j;
        int j2 = j + 2 * LANES < d ? j + 2 * LANES : j;
        int j3 = j + 3 * LANES < d ? j + 3 * LANES : j;
        float x0 = gradient.get(at + j);
        float x1 = gradient.get(at + j1);
        float x2 = gradient.get(at + j2);
        float x3 = gradient.get(at + j3);
        float y0 = w.get(at + j);
        float y1 = w.get(at + j1);
        float y2 = w.get(at + j2);
        float y3 = w.get(at + j3);
        // Dividing by 1 changes no bit.
        y0 = y0 / divisor;
        y1 = y1 / divisor;
        y2 = y2 / divisor;
        y3 = y3 / divisor;
        if (j + 3 * LANES >= d) {
          x1 = j + LANES < d ? x1 : -0f;
          y1 = j + LANES < d ? y1 : 0f;
          x2 = j + 2 * LANES < d ? x2 : -0f;
          y2 = j + 2 * LANES < d ? y2 : 0f;
          x3 = j + 3 * LANES < d ? x3 : -0f;
          y3 = j + 3 * LANES < d ? y3 : 0f;
        }
        sum += x0 * y0;
        sum += x1 * y1;
        sum += x2 * y2;
        sum += x3 * y3;
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
