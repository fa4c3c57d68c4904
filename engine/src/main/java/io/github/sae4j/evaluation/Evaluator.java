package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.sae.RowFactors;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Evaluates an SAE on rows of activations, in two passes: the mean of all rows first, then the
 * metrics. Memory does not grow with the number of rows. For the held-out rows of a run, pass
 * {@link io.github.sae4j.data.Split#heldOut}.
 */
public final class Evaluator {
  /** Rows of a batch, SAELens's default of a training batch. */
  public static final int BATCH_ROWS = 4096;

  private final TopKSae sae;
  private final int batchRows;

  /**
   * An evaluator with batches of {@value #BATCH_ROWS} rows.
   *
   * @param sae the SAE
   */
  public Evaluator(TopKSae sae) {
    this(sae, BATCH_ROWS);
  }

  /**
   * An evaluator.
   *
   * @param sae the SAE
   * @param batchRows rows of a batch, at least 1; only the legacy metrics depend on it
   */
  public Evaluator(TopKSae sae, int batchRows) {
    Shapes.expect(batchRows >= 1, "batch rows", "at least 1", batchRows);
    this.sae = sae;
    this.batchRows = batchRows;
  }

  /**
   * Evaluates all rows of a source.
   *
   * @param source rows of width {@code d_in}
   * @return the metrics
   * @throws IllegalArgumentException if the width is not the SAE's {@code d_in}
   * @throws BadFileException if a row holds NaN or an infinity, or is too large for the weights;
   *     names file and row
   * @throws IOException if reading fails
   */
  public Metrics evaluate(ActivationSource source) throws IOException {
    int d = sae.config().dIn();
    Shapes.expect(source.width() == d, "activations", "rows of width d_in = " + d, source.width());
    int most = (int) Math.min(batchRows, source.rows());
    Device device = sae.device();
    try (OffHeap memory = device.openMemory()) {
      Matrix x = memory.matrix(most, d);
      Matrix out = memory.matrix(most, d);
      SparseCodes codes = memory.codes(most, sae.config().k());
      RowFactors factors = RowFactors.allocate(memory, most);
      Matrix mean = mean(source, x, memory);
      MetricSums sums = new MetricSums(device, memory, mean, most, sae.config().dSae());
      for (long first = 0; first < source.rows(); first += most) {
        int count = (int) Math.min(most, source.rows() - first);
        source.readRange(first, count, x);
        Matrix batch = x.firstRows(count);
        try {
          sae.encode(batch, codes.firstRows(count), factors.firstRows(count));
        } catch (NonFiniteException e) {
          RowOrigin origin = source.origin(first + e.row());
          throw new BadFileException(
              Path.of(origin.source()),
              "row "
                  + origin.row()
                  + " is too large for the weights: the pre-activation of latent "
                  + e.latent()
                  + " is "
                  + e.value());
        }
        sae.decode(codes.firstRows(count), factors.firstRows(count), out.firstRows(count));
        sums.add(batch, out.firstRows(count), codes.firstRows(count));
      }
      return sums.metrics();
    }
  }

  /**
   * Mean of all rows: summed in double over ascending rows in blocks of 256 that run on across
   * batches, divided, rounded once to f32 (numerics rules 5 and 6).
   */
  private static Matrix mean(ActivationSource source, Matrix x, OffHeap memory) throws IOException {
    int d = source.width();
    double[] total = new double[d];
    double[] block = new double[d];
    float[] row = new float[d];
    for (long first = 0; first < source.rows(); first += x.rows()) {
      int count = (int) Math.min(x.rows(), source.rows() - first);
      source.readRange(first, count, x);
      for (int b = 0; b < count; b++) {
        x.read(b, 1, row, 0);
        double sum = 0;
        for (int j = 0; j < d; j++) {
          block[j] += row[j];
          sum += row[j];
        }
        if (!Double.isFinite(sum)) {
          FiniteRows.expect(row, source, first + b);
        }
        long done = first + b + 1;
        if (done % OrderedSums.BLOCK == 0 || done == source.rows()) {
          for (int j = 0; j < d; j++) {
            total[j] += block[j];
            block[j] = 0;
          }
        }
      }
    }
    Matrix mean = memory.vector(d);
    for (int j = 0; j < d; j++) {
      mean.set(0, j, (float) (total[j] / source.rows()));
    }
    return mean;
  }
}
