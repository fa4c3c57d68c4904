package io.github.sae4j.report.runs;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Counts of values from 0 on in equally wide bins. The range is a power of two that grows with the
 * values: two neighbouring bins then become one, so the counts are exact, whatever the order of the
 * values was.
 */
public final class Histogram {
  /** Number of bins. */
  public static final int BINS = 128;

  private final long[] counts = new long[BINS];
  private double range;
  private long number;
  private double sum;
  private double largest;
  private long beyond;

  /** No values yet. */
  public Histogram() {}

  /** Adds a value of at least 0. One that is not finite is in no bin, and counted by itself. */
  public void add(double value) {
    if (!Double.isFinite(value)) {
      beyond++;
      return;
    }
    if (range == 0) {
      range = value == 0 ? Double.MIN_NORMAL : above(value);
    }
    while (value >= range) {
      grow();
    }
    counts[(int) (value / range * BINS)]++;
    number++;
    sum += value;
    largest = Math.max(largest, value);
  }

  private void grow() {
    for (int i = 0; i < BINS / 2; i++) {
      counts[i] = counts[2 * i] + counts[2 * i + 1];
    }
    Arrays.fill(counts, BINS / 2, BINS, 0);
    range *= 2;
  }

  /** The smallest power of two above a positive value. */
  static double above(double value) {
    return Math.scalb(1.0, Math.getExponent(value) + 1);
  }

  /** {@return how many values were not finite; the other numbers leave them out} */
  public long beyond() {
    return beyond;
  }

  /** {@return how many finite values there are} */
  public long number() {
    return number;
  }

  /** {@return the mean of the finite values} */
  public double mean() {
    return sum / number;
  }

  /**
   * The bins for the page, up to the last that is not empty.
   *
   * @param unit what a value of 1 stands for
   * @return {@code edges}, {@code counts}, {@code mean}, {@code largest}
   */
  public Map<String, Object> toMap(double unit) {
    int used = BINS;
    while (used > 1 && counts[used - 1] == 0) {
      used--;
    }
    List<Object> edges = new ArrayList<>();
    List<Object> all = new ArrayList<>();
    for (int i = 0; i < used; i++) {
      edges.add(i * range / BINS / unit);
      all.add(counts[i]);
    }
    edges.add(used * range / BINS / unit);
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("edges", edges);
    map.put("counts", all);
    map.put("mean", mean() / unit);
    map.put("largest", largest / unit);
    return map;
  }
}
