package io.github.sae4j.internal.start;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.util.Locale;

/**
 * Statistics of the training rows that a run measures before the first step, on the host in double
 * (numerics rule 9). Rows are read independently of the stream, in ascending order: blocks of a
 * batch's size spread evenly over all rows, or every row if they are few.
 */
public final class DataStatistics {
  /** Batches that SAELens's {@code expected_average_only_in} measures. */
  private static final long NORM_BATCHES = 1000;

  /** Rows of OpenAI's sample of activations. */
  private static final long VARIANCE_ROWS = 32768;

  /** Few rows are enough for a mean that is many times their spread, the case that matters. */
  private static final long OFFSET_ROWS = 2048;

  /** Rows read at a time: a few megabytes. */
  private static final int MOST_BLOCK_ROWS = 1024;

  /** Rows of a covariance: enough for its small eigenvalues, and far fewer than a run's. */
  private static final long WHITENING_ROWS = 65536;

  private static final long WHITENING_ROWS_PER_COLUMN = 16;

  private final ActivationSource rows;
  private final RowRules rules;
  private final int batchRows;

  /**
   * Statistics of training rows.
   *
   * @param rows rows to train on
   * @param rules which of them are left out
   * @param batchRows rows of a training batch
   */
  public DataStatistics(ActivationSource rows, RowRules rules, int batchRows) {
    this.rows = rows;
    this.rules = rules;
    this.batchRows = batchRows;
  }

  /**
   * The factor of {@code expected_average_only_in}: √d_in / mean ‖x‖ over min(all rows, 1000 B)
   * rows, rounded to f32; 1 if all of them are zero.
   *
   * @return the factor
   * @throws IOException if reading fails
   */
  public float normalizationFactor() throws IOException {
    OrderedSums.Blocks norms = new OrderedSums.Blocks();
    long[] count = {0};
    forEachRow(
        NORM_BATCHES * batchRows,
        row -> {
          double square = 0;
          for (float value : row) {
            square += (double) value * value;
          }
          norms.add(Math.sqrt(square));
          count[0]++;
        });
    double mean = norms.total() / count[0];
    return mean > 0 ? (float) (Math.sqrt(rows.width()) / mean) : 1f;
  }

  /**
   * The squared length of the mean relative to the spread: ‖x̄‖² / mean ‖x − x̄‖², from a sample of
   * rows.
   *
   * @param ratio the quotient; infinite if the rows do not vary, 0 if their mean is 0
   * @param column the column of largest mean
   * @param share its share of ‖x̄‖²
   */
  public record Offset(double ratio, int column, double share) {}

  /**
   * Measures how far the mean of the rows is from 0.
   *
   * @return the offset
   * @throws IOException if reading fails
   */
  public Offset offset() throws IOException {
    double[] sums = new double[rows.width()];
    double[] norms = {0, 0};
    forEachRow(
        OFFSET_ROWS,
        row -> {
          for (int j = 0; j < sums.length; j++) {
            sums[j] += row[j];
            norms[0] += (double) row[j] * row[j];
          }
          norms[1]++;
        });
    double square = 0;
    int largest = 0;
    for (int j = 0; j < sums.length; j++) {
      sums[j] /= norms[1];
      square += sums[j] * sums[j];
      largest = Math.abs(sums[j]) > Math.abs(sums[largest]) ? j : largest;
    }
    if (!(square > 0)) {
      return new Offset(0, 0, 0);
    }
    double spread = Math.max(0, norms[0] / norms[1] - square);
    return new Offset(square / spread, largest, sums[largest] * sums[largest] / square);
  }

  /**
   * OpenAI's {@code mse_scale}: 1 / mean((x − x̄)²) over min(all rows, 32768) rows and all columns,
   * of rows multiplied by the normalisation factor; 1 if they do not vary.
   *
   * @param factor the normalisation factor
   * @return the scale
   * @throws IOException if reading fails
   */
  public double mseScale(float factor) throws IOException {
    double[] mean = new double[rows.width()];
    long[] count = {0};
    forEachRow(
        VARIANCE_ROWS,
        row -> {
          for (int j = 0; j < mean.length; j++) {
            mean[j] += row[j] * factor;
          }
          count[0]++;
        });
    for (int j = 0; j < mean.length; j++) {
      mean[j] /= count[0];
    }
    OrderedSums.Blocks squares = new OrderedSums.Blocks();
    forEachRow(
        VARIANCE_ROWS,
        row -> {
          double square = 0;
          for (int j = 0; j < mean.length; j++) {
            double difference = row[j] * factor - mean[j];
            square += difference * difference;
          }
          squares.add(square);
        });
    double variance = squares.total() / ((double) count[0] * mean.length);
    return variance > 0 ? 1 / variance : 1;
  }

  /**
   * What {@code covariance_whitening} measures.
   *
   * @param map z = W (x − μ) and its inverse
   * @param spectrum what ε leaves of the variances
   */
  public record Whitened(Whitening map, Spectrum spectrum) {}

  /**
   * Measures mean and covariance C = E Λ Eᵀ of min(all rows, max(65536, 16 d)) rows, in double
   * (numerics rule 17). Row i of W is eigenvector i times 1/√(λ_i + ε), eigenvalues descending, and
   * column i of its inverse eigenvector i times √(λ_i + ε), each rounded once.
   *
   * <p>Where bad rows are skipped, so are rows that might be too long to train on once they are
   * whitened, by at most 1/√ε: one of them would outweigh all that are trained on. That is less
   * than a map of longer rows has, but those cannot be told from outliers before they are measured.
   *
   * @param epsilon ε, from 1e-30 to 1e30
   * @param host shares out the work, which does not change a bit
   * @return the map
   * @throws io.github.sae4j.data.BadRowException if a row cannot be trained on, and such rows are
   *     not skipped
   * @throws ConfigException if all rows are skipped
   * @throws IOException if reading fails
   */
  public Whitened whitening(double epsilon, Kernels host) throws IOException {
    if (rules.onBadRows() == OnBadRows.SKIP) {
      float most = (float) Math.max(1, 1 / Math.sqrt(epsilon));
      return new DataStatistics(rows, rules.withFactor(most), batchRows).map(epsilon, host);
    }
    return map(epsilon, host);
  }

  private Whitened map(double epsilon, Kernels host) throws IOException {
    int d = rows.width();
    long wanted = Math.max(WHITENING_ROWS, WHITENING_ROWS_PER_COLUMN * d);
    double[] sums = new double[d];
    long[] count = {0};
    forEachRow(
        wanted,
        row -> {
          for (int j = 0; j < d; j++) {
            sums[j] += row[j];
          }
          count[0]++;
        });
    if (count[0] == 0) {
      throw new ConfigException(
          "whitening_epsilon",
          String.format(
              Locale.ROOT,
              "expected rows that are finite and at most %.2g long, beyond which they might be too"
                  + " long to train on when they are whitened with %.3g; got none",
              Math.sqrt(Float.MAX_VALUE) / rules.factor(),
              epsilon));
    }
    float[] mean = new float[d];
    for (int j = 0; j < d; j++) {
      mean[j] = (float) (sums[j] / count[0]);
    }
    Covariance covariance = new Covariance(mean, host);
    forEachRow(wanted, covariance::add);
    SymmetricEigen eigen = SymmetricEigen.of(covariance.matrix(), host);
    float[][] forward = new float[d][d];
    float[][] inverse = new float[d][d];
    for (int i = 0; i < d; i++) {
      double value = Math.max(0, eigen.values()[i]);
      double deviation = Math.sqrt(value + epsilon);
      for (int j = 0; j < d; j++) {
        forward[i][j] = (float) (eigen.vectors()[i][j] / deviation);
        inverse[j][i] = (float) (eigen.vectors()[i][j] * deviation);
      }
    }
    return new Whitened(
        new Whitening(mean, forward, inverse), Spectrum.of(eigen.values(), epsilon));
  }

  /** A visitor of rows; the array is reused for the next row. */
  private interface RowVisitor {
    void visit(float[] row);
  }

  private void forEachRow(long wanted, RowVisitor visitor) throws IOException {
    long all = rows.rows();
    int blockRows = (int) Math.min(Math.min(MOST_BLOCK_ROWS, batchRows), all);
    long left = Math.min(wanted, all);
    long blocks = (left + blockRows - 1) / blockRows;
    float[] row = new float[rows.width()];
    try (OffHeap memory = new OffHeap()) {
      Matrix block = memory.matrix(blockRows, rows.width());
      for (long i = 0; i < blocks; i++) {
        int count = (int) Math.min(blockRows, left);
        long first = wanted >= all ? i * blockRows : spread(i, all - blockRows, blocks);
        rows.readRange(first, count, block);
        left -= count;
        for (int r = 0; r < count; r++) {
          block.read(r, 1, row, 0);
          if (rules.removed().test(first + r)) {
            continue;
          }
          if (rules.onBadRows() == OnBadRows.ERROR) {
            FiniteRows.expectTrainable(row, rules.factor(), rows, first + r);
          } else if (FiniteRows.untrainableColumn(row, rules.factor()) >= 0) {
            continue;
          }
          visitor.visit(row);
        }
      }
    }
  }

  /** Start of block i of several, the last at {@code last}; no product beyond 64 bits. */
  private static long spread(long i, long last, long blocks) {
    if (blocks == 1) {
      return 0;
    }
    long step = last / (blocks - 1);
    long rest = last % (blocks - 1);
    return i * step + i * rest / (blocks - 1);
  }
}
