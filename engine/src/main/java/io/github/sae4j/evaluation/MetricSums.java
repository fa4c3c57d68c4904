package io.github.sae4j.evaluation;

import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;

/**
 * Sums of metrics over rows that come in batches. Row scalars are formed in f32 by lanes on the
 * device (numerics rule 2), widened, and added in double over ascending rows in blocks of 256 (rule
 * 6), blocks running on across batches: how rows are batched changes no bit. Threads share the rows
 * of a batch while values are formed, and the sums while these are added.
 */
final class MetricSums {
  /** SAELens replaces smaller norms by 1 where it divides by them. */
  private static final double SMALL_NORM = 1e-4;

  /**
   * Parts of the rows that count latents, each on its own: 8 numbers a latent, a percent of the
   * weights at d = 768.
   */
  private static final int COUNTERS = 8;

  /** What is added up, one value a row. */
  private enum Sum {
    ERROR,
    VARIANCE,
    COSINE,
    ACTIVE,
    ACTIVATION,
    NORM_IN,
    NORM_OUT,
    NORM_RATIO,
    SQUARE_OUT,
    DOT,
    /** Explained variance by the mean of the batch; rows that equal it are left out. */
    LEGACY,
    LEGACY_SQUARE;

    private static final int COUNT = values().length;
  }

  private final Device device;
  private final Matrix mean;
  private final Matrix batchMean;
  private final Matrix scalars;
  private final OrderedSums.Blocks[] sums = new OrderedSums.Blocks[Sum.COUNT];

  /** By sum, the values of a batch's rows. */
  private final double[][] values;

  /** By part of the rows, how often each latent fired. */
  private final long[][] fired;

  private long rows;
  private long legacyRows;

  /**
   * Empty sums.
   *
   * @param device forms the row scalars
   * @param memory of the device, for scratch
   * @param mean mean of all rows {@code [1, d_out]}
   * @param maxRows most rows of a batch
   * @param dSae number of latents
   */
  MetricSums(Device device, OffHeap memory, Matrix mean, int maxRows, int dSae) {
    this.device = device;
    this.mean = mean;
    batchMean = memory.vector(mean.cols());
    scalars = memory.vector(maxRows);
    Arrays.setAll(sums, i -> new OrderedSums.Blocks());
    values = new double[Sum.COUNT][maxRows];
    fired = new long[Math.min(COUNTERS, maxRows)][dSae];
  }

  /**
   * Adds a batch.
   *
   * @param x target rows {@code [rows, d_out]}, at least one
   * @param out their reconstructions {@code [rows, d_out]}; receives e = x̂ − x
   * @param codes their codes
   * @return ‖e‖² of each row
   */
  float[] add(Matrix x, Matrix out, SparseCodes codes) {
    int count = x.rows();
    Matrix scalar = scalars.firstElements(count);
    device.rowSquaredDistances(x, mean, scalar);
    float[] variance = scalar.toArray();
    device.rowDots(x, x, scalar);
    float[] squareIn = scalar.toArray();
    device.rowDots(out, out, scalar);
    float[] squareOut = scalar.toArray();
    device.rowDots(x, out, scalar);
    float[] dot = scalar.toArray();
    device.subtract(out, x, out);
    device.rowDots(out, out, scalar);
    float[] error = scalar.toArray();
    device.columnMeans(x, batchMean);
    device.rowSquaredDistances(x, batchMean, scalar);
    float[] batchVariance = scalar.toArray();
    int parts = fired.length;
    device.onHost(
        parts,
        part -> {
          int from = (int) ((long) count * part / parts);
          int to = (int) ((long) count * (part + 1) / parts);
          for (int b = from; b < to; b++) {
            double in = Math.sqrt(squareIn[b]);
            double reconstructed = Math.sqrt(squareOut[b]);
            double norms = in * reconstructed;
            double explained = 1 - (double) error[b] / batchVariance[b];
            set(Sum.ERROR, b, error[b]);
            set(Sum.VARIANCE, b, variance[b]);
            set(Sum.COSINE, b, norms == 0 ? 0 : dot[b] / norms);
            set(Sum.NORM_IN, b, in);
            set(Sum.NORM_OUT, b, reconstructed);
            set(Sum.NORM_RATIO, b, reconstructed / (in < SMALL_NORM ? 1 : in));
            set(Sum.SQUARE_OUT, b, squareOut[b]);
            set(Sum.DOT, b, dot[b]);
            set(Sum.LEGACY, b, explained);
            set(Sum.LEGACY_SQUARE, b, explained * explained);
          }
          countCodes(codes.rows(from, to - from), from, fired[part]);
        });
    device.onHost(
        Sum.COUNT,
        i -> {
          boolean some = i >= Sum.LEGACY.ordinal();
          for (int b = 0; b < count; b++) {
            if (!some || batchVariance[b] > 0) {
              sums[i].add(values[i][b]);
            }
          }
        });
    for (int b = 0; b < count; b++) {
      legacyRows += batchVariance[b] > 0 ? 1 : 0;
    }
    rows += count;
    return error;
  }

  private void set(Sum sum, int row, double value) {
    values[sum.ordinal()][row] = value;
  }

  /** Counts the latents of some rows, the first of which is {@code row} of the batch. */
  private void countCodes(SparseCodes codes, int row, long[] counts) {
    int[] starts = new int[codes.rows() + 1];
    codes.readStarts(starts);
    MemorySegment indices = codes.indices();
    MemorySegment activations = codes.values();
    for (int b = 0; b < codes.rows(); b++) {
      int latents = 0;
      double sum = 0;
      for (int at = starts[b]; at < starts[b + 1]; at++) {
        float value = activations.get(Matrix.FLOAT, 4L * at);
        if (value != 0) {
          latents++;
          sum += Math.abs(value);
          counts[indices.get(SparseCodes.INT, 4L * at)]++;
        }
      }
      set(Sum.ACTIVE, row + b, latents);
      set(Sum.ACTIVATION, row + b, sum);
    }
  }

  private double total(Sum sum) {
    return sums[sum.ordinal()].total();
  }

  /** The metrics of the rows so far, at least one. */
  Metrics metrics() {
    double fvu = ratio(total(Sum.ERROR), total(Sum.VARIANCE));
    double legacyMean = ratio(total(Sum.LEGACY), legacyRows);
    double legacySpread = total(Sum.LEGACY_SQUARE) - legacyRows * legacyMean * legacyMean;
    long[] all = new long[fired[0].length];
    for (long[] part : fired) {
      for (int i = 0; i < all.length; i++) {
        all[i] += part[i];
      }
    }
    return new Metrics(
        rows,
        fvu,
        1 - fvu,
        legacyMean,
        legacyRows < 2 ? Double.NaN : Math.sqrt(Math.max(0, legacySpread) / (legacyRows - 1)),
        total(Sum.ERROR) / rows,
        total(Sum.COSINE) / rows,
        total(Sum.ACTIVE) / rows,
        total(Sum.ACTIVATION) / rows,
        total(Sum.NORM_IN) / rows,
        total(Sum.NORM_OUT) / rows,
        total(Sum.NORM_RATIO) / rows,
        ratio(total(Sum.SQUARE_OUT), total(Sum.DOT)),
        new Density(rows, all),
        Optional.empty());
  }

  private static double ratio(double sum, double divisor) {
    return divisor == 0 ? Double.NaN : sum / divisor;
  }
}
