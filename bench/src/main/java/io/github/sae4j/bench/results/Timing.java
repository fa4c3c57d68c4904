package io.github.sae4j.bench.results;

import java.util.Arrays;

/**
 * The timings of one contender.
 *
 * @param name its name
 * @param threads threads it used
 * @param seconds time of one run, one entry per round
 */
public record Timing(String name, int threads, double[] seconds) {
  /** The median over the rounds, in seconds. */
  public double median() {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /** The confidence interval of the median, in seconds. */
  public Interval interval() {
    return Interval.ofMedian(seconds);
  }

  /** The fastest round, in seconds. */
  public double best() {
    return Arrays.stream(seconds).min().orElse(Double.NaN);
  }

  /** The slowest round, in seconds. */
  public double worst() {
    return Arrays.stream(seconds).max().orElse(Double.NaN);
  }
}
