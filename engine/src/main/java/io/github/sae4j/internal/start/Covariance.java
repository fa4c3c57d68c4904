package io.github.sae4j.internal.start;

import io.github.sae4j.kernels.Kernels;

/**
 * The covariance of rows about a given mean (numerics rule 17): differences in f32, whose products
 * are exact in double; each element a plain sum over the rows in their order, divided by one less
 * than their number.
 */
final class Covariance {
  /** Rows kept until their products are added. */
  private static final int BLOCK = 64;

  /** Rows of the matrix that one part takes. */
  private static final int PART = 16;

  /** Rows added to an element at a time, in their order: it is loaded and stored once. */
  private static final int UNROLLED = 4;

  private final float[] mean;
  private final Kernels host;
  private final double[][] block;
  private final double[][] sums;
  private int held;
  private long count;

  /**
   * A covariance without rows.
   *
   * @param mean their mean, {@code [d]}
   * @param host shares out the work
   */
  Covariance(float[] mean, Kernels host) {
    this.mean = mean;
    this.host = host;
    block = new double[BLOCK][mean.length];
    sums = new double[mean.length][mean.length];
  }

  /**
   * Adds a row.
   *
   * @param row {@code [d]}
   */
  void add(float[] row) {
    double[] difference = block[held++];
    for (int j = 0; j < row.length; j++) {
      float rounded = row[j] - mean[j];
      difference[j] = rounded;
    }
    count++;
    if (held == BLOCK) {
      flush();
    }
  }

  /**
   * The matrix, which no row may be added to any more.
   *
   * @return {@code [d, d]}, symmetric to the bit; zeros without rows
   */
  double[][] matrix() {
    flush();
    for (int i = 0; i < sums.length; i++) {
      for (int j = i; j < sums.length; j++) {
        sums[i][j] /= Math.max(1, count - 1);
        sums[j][i] = sums[i][j];
      }
    }
    return sums;
  }

  private void flush() {
    int d = sums.length;
    host.onHost(
        Math.ceilDiv(d, PART),
        part -> {
          for (int i = part * PART; i < Math.min(d, (part + 1) * PART); i++) {
            int b = 0;
            for (; b + UNROLLED <= held; b += UNROLLED) {
              addFour(sums[i], block, b, i);
            }
            for (; b < held; b++) {
              addOne(sums[i], block[b], i);
            }
          }
        });
    held = 0;
  }

  private static void addFour(double[] sum, double[][] rows, int b, int from) {
    double[] x0 = rows[b];
    double[] x1 = rows[b + 1];
    double[] x2 = rows[b + 2];
    double[] x3 = rows[b + 3];
    double f0 = x0[from];
    double f1 = x1[from];
    double f2 = x2[from];
    double f3 = x3[from];
    for (int j = from; j < sum.length; j++) {
      sum[j] = sum[j] + f0 * x0[j] + f1 * x1[j] + f2 * x2[j] + f3 * x3[j];
    }
  }

  private static void addOne(double[] sum, double[] row, int from) {
    double factor = row[from];
    for (int j = from; j < sum.length; j++) {
      sum[j] += factor * row[j];
    }
  }
}
