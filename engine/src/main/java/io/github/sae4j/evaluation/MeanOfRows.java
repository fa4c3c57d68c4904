package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import java.io.IOException;
import java.util.Arrays;

/**
 * The mean of rows that come in any pieces: summed in double over ascending rows in blocks of 256
 * that run on across pieces, divided, rounded once to f32 (numerics rules 5 and 6). Blocks do not
 * depend on each other, so threads share them.
 */
final class MeanOfRows {
  private final double[] total;

  /** The sums of the last block while it is not complete. */
  private final double[] open;

  private long rows;

  MeanOfRows(int width) {
    total = new double[width];
    open = new double[width];
  }

  /**
   * Adds the next rows.
   *
   * @param host runs parts at the same time
   * @param x the rows
   * @param source where they came from, for messages
   * @throws io.github.sae4j.data.BadRowException if a row holds NaN or an infinity; the first
   */
  void add(Kernels host, Matrix x, ActivationSource source) throws IOException {
    int begun = (int) (rows % OrderedSums.BLOCK);
    int parts = Math.ceilDiv(begun + x.rows(), OrderedSums.BLOCK);
    double[][] sums = new double[parts][];
    host.onHost(
        parts,
        part -> {
          double[] sum = part == 0 ? open.clone() : new double[x.cols()];
          int from = Math.max(0, part * OrderedSums.BLOCK - begun);
          int to = Math.min(x.rows(), (part + 1) * OrderedSums.BLOCK - begun);
          addRows(x, from, to, sum);
          sums[part] = sum;
        });
    for (int part = 0; part < parts; part++) {
      double[] sum = sums[part];
      // Finite numbers of f32 cannot overflow a double, so a sum is finite if all of them are.
      if (!allFinite(sum)) {
        int from = Math.max(0, part * OrderedSums.BLOCK - begun);
        int to = Math.min(x.rows(), (part + 1) * OrderedSums.BLOCK - begun);
        FiniteRows.expect(x.rows(from, to - from), source, rows + from);
      }
      if (part < parts - 1 || (begun + x.rows()) % OrderedSums.BLOCK == 0) {
        for (int j = 0; j < total.length; j++) {
          total[j] += sum[j];
        }
        Arrays.fill(open, 0);
      } else {
        System.arraycopy(sum, 0, open, 0, open.length);
      }
    }
    rows += x.rows();
  }

  private static void addRows(Matrix x, int from, int to, double[] sum) {
    float[] row = new float[sum.length];
    for (int b = from; b < to; b++) {
      x.read(b, 1, row, 0);
      for (int j = 0; j < sum.length; j++) {
        sum[j] += row[j];
      }
    }
  }

  private static boolean allFinite(double[] values) {
    for (double value : values) {
      if (!Double.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Writes the mean of the rows so far, at least one.
   *
   * @param out receives it {@code [1, width]}
   */
  void write(Matrix out) {
    boolean complete = rows % OrderedSums.BLOCK == 0;
    for (int j = 0; j < total.length; j++) {
      out.set(0, j, (float) ((complete ? total[j] : total[j] + open[j]) / rows));
    }
  }
}
