package io.github.sae4j.evaluation;

import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import java.util.Optional;

/**
 * Sums of metrics over rows that come in batches. Row scalars are formed in f32 by lanes on the
 * device (numerics rule 2), widened, and added in double over ascending rows in blocks of 256 (rule
 * 6), blocks running on across batches: how rows are batched changes no bit.
 */
final class MetricSums {
  /** SAELens replaces smaller norms by 1 where it divides by them. */
  private static final double SMALL_NORM = 1e-4;

  private final Device device;
  private final Matrix mean;
  private final Matrix batchMean;
  private final Matrix difference;
  private final Matrix scalars;
  private final long[] fired;

  private long rows;
  private final OrderedSums.Blocks errors = new OrderedSums.Blocks();
  private final OrderedSums.Blocks variances = new OrderedSums.Blocks();
  private final OrderedSums.Blocks cosines = new OrderedSums.Blocks();
  private final OrderedSums.Blocks active = new OrderedSums.Blocks();
  private final OrderedSums.Blocks activations = new OrderedSums.Blocks();
  private final OrderedSums.Blocks normsIn = new OrderedSums.Blocks();
  private final OrderedSums.Blocks normsOut = new OrderedSums.Blocks();
  private final OrderedSums.Blocks ratios = new OrderedSums.Blocks();
  private final OrderedSums.Blocks squaresOut = new OrderedSums.Blocks();
  private final OrderedSums.Blocks dots = new OrderedSums.Blocks();
  private final OrderedSums.Blocks legacy = new OrderedSums.Blocks();
  private final OrderedSums.Blocks legacySquares = new OrderedSums.Blocks();
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
    difference = memory.matrix(maxRows, mean.cols());
    scalars = memory.vector(maxRows);
    fired = new long[dSae];
  }

  /**
   * Adds a batch.
   *
   * @param x target rows {@code [rows, d_out]}, at least one
   * @param out their reconstructions {@code [rows, d_out]}
   * @param codes their codes
   * @return ‖e‖² of each row
   */
  float[] add(Matrix x, Matrix out, SparseCodes codes) {
    int count = x.rows();
    Matrix scalar = scalars.firstElements(count);
    Matrix e = difference.firstRows(count);
    device.subtract(out, x, e);
    device.rowDots(e, e, scalar);
    float[] error = scalar.toArray();
    device.rowSquaredDistances(x, mean, scalar);
    float[] variance = scalar.toArray();
    device.rowDots(x, x, scalar);
    float[] squareIn = scalar.toArray();
    device.rowDots(out, out, scalar);
    float[] squareOut = scalar.toArray();
    device.rowDots(x, out, scalar);
    float[] dot = scalar.toArray();
    device.columnMeans(x, batchMean);
    device.rowSquaredDistances(x, batchMean, scalar);
    float[] batchVariance = scalar.toArray();
    for (int b = 0; b < count; b++) {
      errors.add(error[b]);
      variances.add(variance[b]);
      double in = Math.sqrt(squareIn[b]);
      double reconstructed = Math.sqrt(squareOut[b]);
      normsIn.add(in);
      normsOut.add(reconstructed);
      ratios.add(reconstructed / (in < SMALL_NORM ? 1 : in));
      double norms = in * reconstructed;
      cosines.add(norms == 0 ? 0 : dot[b] / norms);
      squaresOut.add(squareOut[b]);
      dots.add(dot[b]);
      if (batchVariance[b] > 0) {
        double explained = 1 - (double) error[b] / batchVariance[b];
        legacy.add(explained);
        legacySquares.add(explained * explained);
        legacyRows++;
      }
      addCodes(codes, b);
    }
    rows += count;
    return error;
  }

  private void addCodes(SparseCodes codes, int row) {
    int latents = 0;
    double sum = 0;
    for (int slot = 0; slot < codes.length(row); slot++) {
      float value = codes.value(row, slot);
      if (value != 0) {
        latents++;
        sum += Math.abs(value);
        fired[codes.index(row, slot)]++;
      }
    }
    active.add(latents);
    activations.add(sum);
  }

  /** The metrics of the rows so far, at least one. */
  Metrics metrics() {
    double fvu = ratio(errors.total(), variances.total());
    double legacyMean = ratio(legacy.total(), legacyRows);
    double legacySpread = legacySquares.total() - legacyRows * legacyMean * legacyMean;
    return new Metrics(
        rows,
        fvu,
        1 - fvu,
        legacyMean,
        legacyRows < 2 ? Double.NaN : Math.sqrt(Math.max(0, legacySpread) / (legacyRows - 1)),
        errors.total() / rows,
        cosines.total() / rows,
        active.total() / rows,
        activations.total() / rows,
        normsIn.total() / rows,
        normsOut.total() / rows,
        ratios.total() / rows,
        ratio(squaresOut.total(), dots.total()),
        new Density(rows, fired.clone()),
        Optional.empty());
  }

  private static double ratio(double sum, double divisor) {
    return divisor == 0 ? Double.NaN : sum / divisor;
  }
}
