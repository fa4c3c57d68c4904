package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import java.io.IOException;
import java.util.Arrays;

/**
 * The mean of a source's rows: summed in double over ascending rows in blocks of 256, divided,
 * rounded once to f32 (numerics rules 5 and 6). Blocks do not depend on each other, so threads
 * share them, and read them where the source lets several read.
 */
final class MeanOfRows {
  private final ActivationSource source;
  private final double[] total;

  /** The sums of the last block while it is not complete. */
  private final double[] open;

  private long rows;

  MeanOfRows(ActivationSource source) {
    this.source = source;
    total = new double[source.width()];
    open = new double[source.width()];
  }

  /**
   * Reads and adds the next rows.
   *
   * @param host runs parts at the same time
   * @param x receives as many rows as it has
   * @throws io.github.sae4j.data.BadRowException if a row holds NaN or an infinity; the first
   */
  void add(Kernels host, Matrix x) throws IOException {
    boolean together = source.readsInPlace();
    if (!together) {
      source.readRange(rows, x.rows(), x);
    }
    int begun = (int) (rows % OrderedSums.BLOCK);
    double[][] sums = new double[Math.ceilDiv(begun + x.rows(), OrderedSums.BLOCK)][];
    RowParts.run(
        host,
        -begun,
        x.rows(),
        (part, from, count) -> {
          Matrix some = x.rows(from, count);
          if (together) {
            source.readRange(rows + from, count, some);
          }
          sums[part] = part == 0 ? open.clone() : new double[total.length];
          addRows(some, sums[part]);
        });
    for (double[] sum : sums) {
      // Numbers of f32 cannot overflow a double, so a sum is finite if all of them are.
      if (!allFinite(sum)) {
        FiniteRows.expect(x, source, rows);
      }
    }
    rows += x.rows();
    boolean complete = rows % OrderedSums.BLOCK == 0;
    for (int part = 0; part < sums.length; part++) {
      if (part < sums.length - 1 || complete) {
        for (int j = 0; j < total.length; j++) {
          total[j] += sums[part][j];
        }
        Arrays.fill(open, 0);
      } else {
        System.arraycopy(sums[part], 0, open, 0, open.length);
      }
    }
  }

  private static void addRows(Matrix x, double[] sum) {
    float[] row = new float[sum.length];
    for (int b = 0; b < x.rows(); b++) {
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
