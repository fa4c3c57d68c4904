package io.github.sae4j.internal.start;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Centres of a batch, from which b_dec may start: mean and geometric median. In double (numerics
 * rule 9): rows are added in blocks of 256, ascending inside a block, blocks in order, so the
 * result does not depend on threads.
 */
public final class Centers {
  /** Iterations and tolerances of Weiszfeld's algorithm, with SAELens's values. */
  private static final int MAX_ITERATIONS = 100;

  private static final double EPSILON = 1e-6;
  private static final double TOLERANCE = 1e-20;

  private Centers() {}

  /**
   * Mean of the rows.
   *
   * @param x {@code [rows, d_in]}, at least one row
   * @return {@code d_in} values
   */
  public static double[] mean(Matrix x) {
    double[] weights = new double[x.rows()];
    Arrays.fill(weights, 1);
    return weightedMean(x, weights);
  }

  /**
   * Geometric median of the rows, the point of least summed distance, by Weiszfeld's iteration from
   * the mean: weights 1/max(‖x_b − m‖, 1e-6); it ends after 100 iterations or when the objective
   * moves by no more than 1e-20 of itself.
   *
   * @param x {@code [rows, d_in]}, at least one row
   * @return {@code d_in} values
   */
  public static double[] geometricMedian(Matrix x) {
    double[] median = mean(x);
    double[] distances = distances(x, median);
    double objective = sum(distances);
    for (int i = 0; i < MAX_ITERATIONS; i++) {
      double[] weights = new double[distances.length];
      for (int b = 0; b < weights.length; b++) {
        weights[b] = 1 / Math.max(distances[b], EPSILON);
      }
      median = weightedMean(x, weights);
      distances = distances(x, median);
      double before = objective;
      objective = sum(distances);
      if (Math.abs(before - objective) <= TOLERANCE * objective) {
        break;
      }
    }
    return median;
  }

  private static double sum(double[] values) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (double value : values) {
      blocks.add(value);
    }
    return blocks.total();
  }

  private static double[] weightedMean(Matrix x, double[] weights) {
    int blocks = blocks(x);
    double[][] partial = new double[blocks][];
    IntStream.range(0, blocks)
        .parallel()
        .forEach(block -> partial[block] = blockSum(x, weights, block * OrderedSums.BLOCK));
    double[] mean = new double[x.cols()];
    for (double[] part : partial) {
      for (int j = 0; j < mean.length; j++) {
        mean[j] += part[j];
      }
    }
    double total = sum(weights);
    for (int j = 0; j < mean.length; j++) {
      mean[j] /= total;
    }
    return mean;
  }

  private static double[] blockSum(Matrix x, double[] weights, int first) {
    double[] sum = new double[x.cols()];
    float[] row = new float[x.cols()];
    int end = Math.min(x.rows(), first + OrderedSums.BLOCK);
    for (int b = first; b < end; b++) {
      x.read(b, 1, row, 0);
      double weight = weights[b];
      for (int j = 0; j < sum.length; j++) {
        sum[j] += weight * row[j];
      }
    }
    return sum;
  }

  private static double[] distances(Matrix x, double[] center) {
    double[] distances = new double[x.rows()];
    IntStream.range(0, blocks(x))
        .parallel()
        .forEach(
            block -> {
              float[] row = new float[x.cols()];
              int first = block * OrderedSums.BLOCK;
              int end = Math.min(x.rows(), first + OrderedSums.BLOCK);
              for (int b = first; b < end; b++) {
                x.read(b, 1, row, 0);
                double square = 0;
                for (int j = 0; j < row.length; j++) {
                  double difference = row[j] - center[j];
                  square += difference * difference;
                }
                distances[b] = Math.sqrt(square);
              }
            });
    return distances;
  }

  private static int blocks(Matrix x) {
    return (x.rows() + OrderedSums.BLOCK - 1) / OrderedSums.BLOCK;
  }
}
