package io.github.sae4j.tornado;

import io.github.sae4j.device.StepSpec;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * What only a training step needs: counting who fired, listing the dead, and the few scalars that
 * decide how the gradient is scaled. The scalars are formed in double by the formulas of {@code
 * StepSums}, so that a step never waits for the host.
 */
final class StepKernels {
  /** Work-items of a kernel that runs as one group. */
  static final int SCAN = LatentKernels.SCAN;

  /** Rules by which a latent fires, in the order of {@link StepSpec.Fired}. */
  static final int POSITIVE = 0;

  static final int SELECTED = 1;
  static final int ABOVE_THRESHOLD = 2;

  /** Main losses, in the order of {@link StepSpec.MainLoss}. */
  static final int SQUARED_ERROR = 0;

  static final int FVU = 1;
  static final int SCALED_MSE = 2;

  /** No AuxK term; else normalisers, 1 + the order of {@code AuxSpec.Normalizer}. */
  static final int NO_AUX = 0;

  static final int AUX_BY_ROWS = 1;
  static final int AUX_BY_TOTAL_VARIANCE = 2;
  static final int AUX_BY_RESIDUAL_VARIANCE = 3;

  /** Positions of the step's constants. */
  static final int MAIN_WEIGHT = 0;

  static final int MULTI_WEIGHT = 1;
  static final int AUX_WEIGHT = 2;
  static final int MSE_SCALE = 3;
  static final int AUX_K = 4;
  static final int CLIP_NORM = 5;
  static final int CLIP_EPSILON = 6;

  /** Length of the array of constants. */
  static final int CONSTANTS = 7;

  private StepKernels() {}

  /** Finds the first row with a pre-activation that is not finite; by one group. */
  static void checkFinite(KernelContext context, IntArray flow, IntArray badIndex) {
    int[] firsts = context.allocateIntLocalArray(SCAN);
    int item = context.localIdx;
    int rows = flow.get(Flow.ROWS);
    int first = rows;
    for (int row = item; row < rows; row += SCAN) {
      int bad = badIndex.get(row) >= 0 ? 1 : 0;
      int earlier = row < first ? 1 : 0;
      if ((bad & earlier) == 1) {
        first = row;
      }
    }
    firsts[item] = first;
    context.localBarrier();
    if (item == 0) {
      for (int other = 1; other < SCAN; other++) {
        first = firsts[other] < first ? firsts[other] : first;
      }
      flow.set(Flow.BAD_ROW, first < rows ? first + 1 : 0);
      flow.set(Flow.GOOD, first < rows ? 0 : 1);
    }
  }

  /** Sets every element to 0. */
  static void clear(KernelContext context, IntArray array, int size) {
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
  static void markFired(
      KernelContext context,
      IntArray flow,
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
    if (row < flow.get(Flow.ROWS)) {
      int k = flow.get(codes);
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
          fires = activation > StepSpec.FIRED_THRESHOLD ? 1 : 0;
        }
        if (fires == 1) {
          fired.set(latent, 1);
        }
      }
      rowActive.set(row, active);
    }
  }

  /** Marks all selected latents. */
  static void markSelected(
      KernelContext context,
      IntArray flow,
      IntArray indices,
      IntArray fired,
      int capacity,
      int codes) {
    int row = context.globalIdx;
    if (row < flow.get(Flow.ROWS)) {
      int k = flow.get(codes);
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
  static void countDead(
      KernelContext context,
      IntArray flow,
      IntArray fired,
      LongArray sinceFired,
      LongArray counting,
      IntArray marks,
      int n,
      int tokens,
      int afterStep) {
    int latent = context.globalIdx;
    if (latent < n) {
      if (flow.get(Flow.GOOD) == 1) {
        long limit = counting.get(0);
        long since = sinceFired.get(latent);
        long advance = 1;
        if (tokens == 1) {
          advance = flow.get(Flow.ROWS);
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
  static void listDead(
      KernelContext context, IntArray flow, IntArray marks, IntArray list, int n, int kAux) {
    int[] sums = context.allocateIntLocalArray(SCAN);
    int item = context.localIdx;
    int share = (n + SCAN - 1) / SCAN;
    int first = item * share;
    int last = first + share < n ? first + share : n;
    int count = 0;
    for (int i = first; i < last; i++) {
      count += marks.get(i);
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
      flow.set(Flow.DEAD, at);
      flow.set(Flow.AUX_K, at < kAux ? at : kAux);
    }
  }

  /**
   * Sums of row scalars in double, in blocks of 256 within a micro-batch (rule 6): {@code
   * partial[micro, block]}.
   *
   * @param rows slot of the number of rows
   * @param blocks blocks of a micro-batch
   */
  static void blockSums(
      KernelContext context,
      IntArray flow,
      FloatArray values,
      DoubleArray partial,
      int rows,
      int microRows,
      int blocks,
      int micros,
      int gate) {
    int i = context.globalIdx;
    int micro = i / blocks;
    int count = flow.get(rows);
    int end = (micro + 1) * microRows < count ? (micro + 1) * microRows : count;
    int from = micro * microRows + (i - micro * blocks) * ColumnKernels.BLOCK;
    int to = from + ColumnKernels.BLOCK < end ? from + ColumnKernels.BLOCK : end;
    int inside = micro < micros ? 1 : 0;
    if ((inside & (flow.get(gate) != 0 ? 1 : 0)) == 1) {
      double sum = 0;
      for (int row = from; row < to; row++) {
        sum += values.get(row);
      }
      partial.set(i, sum);
    }
  }

  /** The factors that turn errors into gradients; a work-item per micro-batch. */
  static void lossFactors(
      KernelContext context,
      IntArray flow,
      DoubleArray constants,
      DoubleArray varianceBlocks,
      DoubleArray residualBlocks,
      FloatArray mainFactors,
      FloatArray multiFactors,
      FloatArray auxFactors,
      int d,
      int microRows,
      int blocks,
      int loss,
      int multi,
      int aux,
      int scaledByDead) {
    int micro = context.globalIdx;
    int rows = flow.get(Flow.ROWS);
    int rest = rows - micro * microRows;
    int count = rest < microRows ? rest : microRows;
    if (count > 0) {
      int micros = (rows + microRows - 1) / microRows;
      int used = (count + ColumnKernels.BLOCK - 1) / ColumnKernels.BLOCK;
      double variance = 0;
      if (flow.get(Flow.VARIANCE) != 0) {
        variance = sum(varianceBlocks, micro * blocks, used);
      }
      double divisor = count;
      if (loss == FVU) {
        divisor = variance;
      }
      if (loss == SCALED_MSE) {
        divisor = ((double) count * d) / constants.get(MSE_SCALE);
      }
      mainFactors.set(micro, factor(constants.get(MAIN_WEIGHT), divisor, micros));
      if (multi == 1) {
        multiFactors.set(micro, factor(constants.get(MULTI_WEIGHT), variance, micros));
      }
      if (aux != NO_AUX) {
        double scale = 1;
        if (scaledByDead == 1) {
          double share = flow.get(Flow.DEAD) / constants.get(AUX_K);
          scale = share < 1 ? share : 1;
        }
        double normalizer = count;
        if (aux == AUX_BY_TOTAL_VARIANCE) {
          normalizer = variance;
        }
        if (aux == AUX_BY_RESIDUAL_VARIANCE) {
          if (flow.get(Flow.DEAD) != 0) {
            normalizer = sum(residualBlocks, micro * blocks, used);
          }
        }
        auxFactors.set(micro, factor(constants.get(AUX_WEIGHT) * scale, normalizer, micros));
      }
    }
  }

  private static double sum(DoubleArray values, int from, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += values.get(from + i);
    }
    return sum;
  }

  private static float factor(double weight, double divisor, int micros) {
    float factor = (float) (weight / (divisor * micros));
    return factor - factor == 0f ? factor : 0f;
  }

  /** The gradient's squared norm and the clipping coefficient; one work-item. */
  static void clipCoefficient(
      KernelContext context,
      DoubleArray constants,
      DoubleArray wEnc,
      DoubleArray wDec,
      FloatArray bEnc,
      FloatArray bDec,
      DoubleArray squaredNorm,
      FloatArray clip,
      int blocks) {
    if (context.globalIdx == 0) {
      double total = sum(wEnc, 0, blocks) + sum(wDec, 0, blocks);
      total = total + bEnc.get(0);
      total = total + bDec.get(0);
      double share =
          constants.get(CLIP_NORM) / (TornadoMath.sqrt(total) + constants.get(CLIP_EPSILON));
      squaredNorm.set(0, total);
      clip.set(0, (float) (share > 1 ? 1 : share));
    }
  }

  /** Gradient of b_dec through the encoder's input: {@code gBDec -= gBEnc wEnc}, by columns. */
  static void subtractThroughInput(
      KernelContext context, FloatArray gBEnc, FloatArray wEnc, FloatArray gBDec, int n, int d) {
    int col = context.globalIdx;
    if (col < d) {
      float sum = 0f;
      for (int latent = 0; latent < n; latent++) {
        sum += gBEnc.get(latent) * wEnc.get(latent * d + col);
      }
      gBDec.set(col, gBDec.get(col) - sum);
    }
  }
}
