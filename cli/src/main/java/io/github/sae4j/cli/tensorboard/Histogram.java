package io.github.sae4j.cli.tensorboard;

import io.github.sae4j.evaluation.Density;

/**
 * How many values lie in each bucket.
 *
 * @param values the values
 * @param limits upper limits of the buckets, ascending
 * @param counts values in each bucket
 */
record Histogram(float[] values, double[] limits, double[] counts) {
  private static final int MIN = 1;
  private static final int MAX = 2;
  private static final int NUM = 3;
  private static final int SUM = 4;
  private static final int SUM_SQUARES = 5;
  private static final int BUCKET_LIMIT = 6;
  private static final int BUCKET = 7;

  /** The log densities of all latents, in the bins that {@code evaluation.json} has. */
  static Histogram of(Density density) {
    double[] limits = new double[Density.BINS];
    double[] counts = new double[Density.BINS];
    int[] bins = density.histogram();
    for (int i = 0; i < limits.length; i++) {
      limits[i] = Density.LOWEST - (i + 1) * Density.LOWEST / Density.BINS;
      counts[i] = bins[i];
    }
    return new Histogram(density.log10(), limits, counts);
  }

  /** TensorFlow's {@code HistogramProto}. */
  ProtoWriter toMessage() {
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    double sum = 0;
    double squares = 0;
    for (float value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      squares += (double) value * value;
    }
    return new ProtoWriter()
        .float64(MIN, min)
        .float64(MAX, max)
        .float64(NUM, values.length)
        .float64(SUM, sum)
        .float64(SUM_SQUARES, squares)
        .float64s(BUCKET_LIMIT, limits)
        .float64s(BUCKET, counts);
  }
}
