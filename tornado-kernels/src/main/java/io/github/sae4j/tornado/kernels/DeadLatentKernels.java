package io.github.sae4j.tornado.kernels;

import io.github.sae4j.step.DeadLatentRule;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Dead latents: which latents fired in a batch, how long the others have not, and which are dead.
 */
public final class DeadLatentKernels {
  /** Work-items of the kernel that lists the dead, one group. */
  public static final int SCAN = 256;

  /** Rules by which a latent fires, in the order of {@link DeadLatentRule.Fired}. */
  public static final int POSITIVE = 0;

  public static final int SELECTED = 1;
  public static final int ABOVE_THRESHOLD = 2;

  private DeadLatentKernels() {}

  /** Sets every element to 0. */
  public static void clear(KernelContext context, IntArray array, int size) {
    int i = context.globalIdx;
    if (i < size) {
      array.set(i, 0);
    }
  }

  /**
   * Counts a row's positive activations and marks the latents that fired. Several rows may mark one
   * latent, all with the same 1.
   *
   * @param norms activation is value times norms[latent], if {@code scaled} is 1
   */
  public static void markFired(
      KernelContext context,
      IntArray control,
      IntArray indices,
      FloatArray values,
      FloatArray norms,
      IntArray fired,
      IntArray rowActive,
      int capacity,
      int codes,
      int scaled,
      int rule) {
    int row = context.globalIdx;
    if (row < control.get(StepControl.ROWS)) {
      int k = control.get(codes);
      int active = 0;
      for (int slot = 0; slot < k; slot++) {
        int latent = indices.get(row * capacity + slot);
        float activation = values.get(row * capacity + slot);
        if (scaled == 1) {
          activation = activation * norms.get(latent);
        }
        int positive = activation > 0f ? 1 : 0;
        active += positive;
        int fires = positive;
        if (rule == SELECTED) {
          fires = 1;
        }
        if (rule == ABOVE_THRESHOLD) {
          fires = activation > DeadLatentRule.FIRED_THRESHOLD ? 1 : 0;
        }
        if (fires == 1) {
          fired.set(latent, 1);
        }
      }
      rowActive.set(row, active);
    }
  }

  /** Marks all selected latents. */
  public static void markSelected(
      KernelContext context,
      IntArray control,
      IntArray indices,
      IntArray fired,
      int capacity,
      int codes) {
    int row = context.globalIdx;
    if (row < control.get(StepControl.ROWS)) {
      int k = control.get(codes);
      for (int slot = 0; slot < k; slot++) {
        fired.set(indices.get(row * capacity + slot), 1);
      }
    }
  }

  /**
   * Counts one step for every latent and marks the dead.
   *
   * @param counting [0]: a counter above this is dead; [1]: the counter of a latent that fired
   * @param tokens whether the unit is rows, else steps
   * @param afterStep whether the mask is taken after the count
   */
  public static void countDead(
      KernelContext context,
      IntArray control,
      IntArray fired,
      LongArray sinceFired,
      LongArray counting,
      IntArray marks,
      int n,
      int tokens,
      int afterStep) {
    int latent = context.globalIdx;
    if (latent < n) {
      if (control.get(StepControl.GOOD) == 1) {
        long limit = counting.get(0);
        long since = sinceFired.get(latent);
        long advance = 1;
        if (tokens == 1) {
          advance = control.get(StepControl.ROWS);
        }
        int dead = since > limit ? 1 : 0;
        if (fired.get(latent) == 1) {
          since = counting.get(1);
        } else {
          if (since <= Long.MAX_VALUE - advance) {
            since = since + advance;
          }
        }
        if (afterStep == 1) {
          dead = since > limit ? 1 : 0;
        }
        sinceFired.set(latent, since);
        marks.set(latent, dead);
      } else {
        marks.set(latent, 0);
      }
    }
  }

  /** Lists the dead in ascending order and says how many they are; by one group. */
  public static void listDead(
      KernelContext context, IntArray control, IntArray marks, IntArray list, int n, int kAux) {
    int[] sums = context.allocateIntLocalArray(SCAN);
    int item = context.localIdx;
    int share = (n + SCAN - 1) / SCAN;
    int first = item * share;
    int last = first + share < n ? first + share : n;
    int count = 0;
    // Eight marks are read before the first is added.
    for (int i = first; i < last; i += 8) {
      int t0 = marks.get(i);
      int t1 = marks.get(TornadoMath.min(i + 1, n - 1));
      int t2 = marks.get(TornadoMath.min(i + 2, n - 1));
      int t3 = marks.get(TornadoMath.min(i + 3, n - 1));
      int t4 = marks.get(TornadoMath.min(i + 4, n - 1));
      int t5 = marks.get(TornadoMath.min(i + 5, n - 1));
      int t6 = marks.get(TornadoMath.min(i + 6, n - 1));
      int t7 = marks.get(TornadoMath.min(i + 7, n - 1));
      count += t0;
      count += i + 1 < last ? t1 : 0;
      count += i + 2 < last ? t2 : 0;
      count += i + 3 < last ? t3 : 0;
      count += i + 4 < last ? t4 : 0;
      count += i + 5 < last ? t5 : 0;
      count += i + 6 < last ? t6 : 0;
      count += i + 7 < last ? t7 : 0;
    }
    sums[item] = count;
    context.localBarrier();
    int at = 0;
    for (int other = 0; other < item; other++) {
      at += sums[other];
    }
    for (int i = first; i < last; i++) {
      if (marks.get(i) == 1) {
        list.set(at, i);
        at++;
      }
    }
    if (item == SCAN - 1) {
      control.set(StepControl.DEAD, at);
      control.set(StepControl.AUX_K, at < kAux ? at : kAux);
    }
  }
}
