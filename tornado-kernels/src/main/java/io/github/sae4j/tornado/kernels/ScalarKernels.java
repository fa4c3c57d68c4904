package io.github.sae4j.tornado.kernels;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Reconstruction;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The few scalars of a training step that decide how its gradient is scaled. They are formed in
 * double by the formulas of {@code StepSums}, so that a step never waits for the host.
 */
public final class ScalarKernels {
  /** Measures of the main term, in the order of {@link Reconstruction.Measure}. */
  public static final int SQUARED_ERROR = 0;

  public static final int FVU = 1;
  public static final int SCALED_MSE = 2;

  /** No AuxK term; else normalisers, 1 + the order of {@link AuxK.Normalizer}. */
  public static final int NO_AUX = 0;

  public static final int AUX_BY_ROWS = 1;
  public static final int AUX_BY_TOTAL_VARIANCE = 2;
  public static final int AUX_BY_RESIDUAL_VARIANCE = 3;

  /** Positions of the step's constants. */
  public static final int MAIN_WEIGHT = 0;

  public static final int MULTI_WEIGHT = 1;
  public static final int AUX_WEIGHT = 2;
  public static final int MSE_SCALE = 3;
  public static final int AUX_K = 4;
  public static final int CLIP_NORM = 5;
  public static final int CLIP_EPSILON = 6;

  /** Length of the array of constants. */
  public static final int CONSTANTS = 7;

  private ScalarKernels() {}

  /**
   * Sums of row scalars in double, in blocks of 256 within a micro-batch (rule 6): {@code
   * partial[micro, block]}.
   *
   * @param rows slot of the number of rows
   * @param blocks blocks of a micro-batch
   */
  public static void blockSums(
      KernelContext context,
      IntArray control,
      FloatArray values,
      DoubleArray partial,
      int rows,
      int microRows,
      int blocks,
      int micros,
      int gate) {
    int i = context.globalIdx;
    int micro = i / blocks;
    int count = control.get(rows);
    // In long: a grid has more work-items than elements, so micro may be beyond the last one.
    long start = (long) micro * microRows;
    int end = start + microRows < count ? (int) start + microRows : count;
    int from = (int) start + (i - micro * blocks) * ColumnKernels.BLOCK;
    int to = end - from > ColumnKernels.BLOCK ? from + ColumnKernels.BLOCK : end;
    int inside = micro < micros ? 1 : 0;
    if ((inside & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      double sum = 0;
      // Eight are read before the first is added; beyond the last, s + -0 is s.
      for (int row = from; row < to; row += 8) {
        float v0 = values.get(row);
        float v1 = values.get(TornadoMath.min(row + 1, to - 1));
        float v2 = values.get(TornadoMath.min(row + 2, to - 1));
        float v3 = values.get(TornadoMath.min(row + 3, to - 1));
        float v4 = values.get(TornadoMath.min(row + 4, to - 1));
        float v5 = values.get(TornadoMath.min(row + 5, to - 1));
        float v6 = values.get(TornadoMath.min(row + 6, to - 1));
        float v7 = values.get(TornadoMath.min(row + 7, to - 1));
        if (row + 8 > to) {
          v1 = row + 1 < to ? v1 : -0f;
          v2 = row + 2 < to ? v2 : -0f;
          v3 = row + 3 < to ? v3 : -0f;
          v4 = row + 4 < to ? v4 : -0f;
          v5 = row + 5 < to ? v5 : -0f;
          v6 = row + 6 < to ? v6 : -0f;
          v7 = row + 7 < to ? v7 : -0f;
        }
        sum += v0;
        sum += v1;
        sum += v2;
        sum += v3;
        sum += v4;
        sum += v5;
        sum += v6;
        sum += v7;
      }
      partial.set(i, sum);
    }
  }

  /** The factors that turn errors into gradients; a work-item per micro-batch. */
  public static void lossFactors(
      KernelContext context,
      IntArray control,
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
    int rows = control.get(StepControl.ROWS);
    // In long: a grid has more work-items than elements, so micro may be beyond the last one.
    long rest = rows - (long) micro * microRows;
    int count = rest < microRows ? (int) rest : microRows;
    int live = rest > 0 ? 1 : 0;
    float mainFactor = 0f;
    float multiFactor = 0f;
    float auxFactor = 0f;
    if (live == 1) {
      int micros = (rows + microRows - 1) / microRows;
      int used = (count + ColumnKernels.BLOCK - 1) / ColumnKernels.BLOCK;
      double variance = 0;
      if (control.get(StepControl.VARIANCE) != 0) {
        variance = sum(varianceBlocks, micro * blocks, used);
      }
      double divisor = count;
      if (loss == FVU) {
        divisor = variance;
      }
      if (loss == SCALED_MSE) {
        divisor = ((double) count * d) / constants.get(MSE_SCALE);
      }
      mainFactor = factor(constants.get(MAIN_WEIGHT), divisor, micros);
      if (multi == 1) {
        multiFactor = factor(constants.get(MULTI_WEIGHT), variance, micros);
      }
      if (aux != NO_AUX) {
        double scale = 1;
        if (scaledByDead == 1) {
          double share = control.get(StepControl.DEAD) / constants.get(AUX_K);
          scale = share < 1 ? share : 1;
        }
        double normalizer = count;
        if (aux == AUX_BY_TOTAL_VARIANCE) {
          normalizer = variance;
        }
        if (aux == AUX_BY_RESIDUAL_VARIANCE) {
          if (control.get(StepControl.DEAD) != 0) {
            normalizer = sum(residualBlocks, micro * blocks, used);
          }
        }
        auxFactor = factor(constants.get(AUX_WEIGHT) * scale, normalizer, micros);
      }
    }
    if (live == 1) {
      mainFactors.set(micro, mainFactor);
    }
    if ((live & multi) == 1) {
      multiFactors.set(micro, multiFactor);
    }
    if ((live & (aux != NO_AUX ? 1 : 0)) == 1) {
      auxFactors.set(micro, auxFactor);
    }
  }

  /** The gradient's squared norm and the clipping coefficient; one work-item. */
  public static void clipCoefficient(
      KernelContext context,
      DoubleArray constants,
      DoubleArray wEnc,
      DoubleArray wDec,
      FloatArray bEnc,
      FloatArray bDec,
      DoubleArray squaredNorm,
      FloatArray clip,
      int blocks) {
    double total = 0;
    float coefficient = 0f;
    if (context.globalIdx == 0) {
      total = sum(wEnc, 0, blocks) + sum(wDec, 0, blocks);
      total = total + bEnc.get(0);
      total = total + bDec.get(0);
      double share =
          constants.get(CLIP_NORM) / (TornadoMath.sqrt(total) + constants.get(CLIP_EPSILON));
      coefficient = (float) (share > 1 ? 1 : share);
    }
    if (context.globalIdx == 0) {
      squaredNorm.set(0, total);
      clip.set(0, coefficient);
    }
  }

  private static double sum(DoubleArray values, int from, int count) {
    double sum = 0;
    int last = from + count - 1;
    // As above.
    for (int i = from; i <= last; i += 8) {
      double v0 = values.get(i);
      double v1 = values.get(TornadoMath.min(i + 1, last));
      double v2 = values.get(TornadoMath.min(i + 2, last));
      double v3 = values.get(TornadoMath.min(i + 3, last));
      double v4 = values.get(TornadoMath.min(i + 4, last));
      double v5 = values.get(TornadoMath.min(i + 5, last));
      double v6 = values.get(TornadoMath.min(i + 6, last));
      double v7 = values.get(TornadoMath.min(i + 7, last));
      if (i + 7 > last) {
        v1 = i + 1 <= last ? v1 : -0.0;
        v2 = i + 2 <= last ? v2 : -0.0;
        v3 = i + 3 <= last ? v3 : -0.0;
        v4 = i + 4 <= last ? v4 : -0.0;
        v5 = i + 5 <= last ? v5 : -0.0;
        v6 = i + 6 <= last ? v6 : -0.0;
        v7 = i + 7 <= last ? v7 : -0.0;
      }
      sum += v0;
      sum += v1;
      sum += v2;
      sum += v3;
      sum += v4;
      sum += v5;
      sum += v6;
      sum += v7;
    }
    return sum;
  }

  private static float factor(double weight, double divisor, int micros) {
    float factor = (float) (weight / (divisor * micros));
    return factor - factor == 0f ? factor : 0f;
  }
}
