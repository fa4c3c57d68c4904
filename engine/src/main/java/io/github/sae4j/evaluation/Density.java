package io.github.sae4j.evaluation;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How often each latent fired: in how many of the rows its activation was positive. A latent's
 * frequency is f = fired / rows; its log density log10(f + 1e-10), as SAELens takes it, so a latent
 * that never fired has −10.
 *
 * @param rows number of rows, at least 1
 * @param fired rows in which each latent fired {@code [d_sae]}
 */
public record Density(long rows, long[] fired) {
  /** Bins of the histogram, equally wide. */
  public static final int BINS = 40;

  /** Lower edge of the first bin; the upper edge of the last is 0. */
  public static final double LOWEST = -10;

  private static final double BIN_WIDTH = -LOWEST / BINS;
  private static final double SMALLEST = 1e-10;

  /** Checks the range. */
  public Density {
    if (rows < 1) {
      throw new IllegalArgumentException("rows: expected at least 1, got " + rows);
    }
  }

  /**
   * Number of latents that fired in no row.
   *
   * @return {@code never_fired}
   */
  public int neverFired() {
    int count = 0;
    for (long times : fired) {
      count += times == 0 ? 1 : 0;
    }
    return count;
  }

  /**
   * Share of the latents that fired in no row.
   *
   * @return {@code never_fired_fraction}
   */
  public double neverFiredFraction() {
    return (double) neverFired() / fired.length;
  }

  /**
   * Number of latents whose frequency, 1e-10 added, is below a limit: SAELens's {@code
   * sparsity/below_1e-5} and {@code below_1e-6}.
   *
   * @param limit the limit
   * @return their number
   */
  public int below(double limit) {
    int count = 0;
    for (long times : fired) {
      count += (double) times / rows + SMALLEST < limit ? 1 : 0;
    }
    return count;
  }

  /**
   * Mean of the log densities: {@code mean_log10_feature_sparsity}.
   *
   * @return the mean over all latents
   */
  public double meanLog10() {
    double sum = 0;
    for (long times : fired) {
      sum += log10(times);
    }
    return sum / fired.length;
  }

  /**
   * Histogram of the log densities: {@value #BINS} bins from −10 to 0, each including its lower
   * edge and excluding its upper one; a latent that fired in every row is in the last.
   *
   * @return number of latents in each bin
   */
  public int[] histogram() {
    int[] counts = new int[BINS];
    for (long times : fired) {
      int bin = (int) ((log10(times) - LOWEST) / BIN_WIDTH);
      counts[Math.clamp(bin, 0, BINS - 1)]++;
    }
    return counts;
  }

  /**
   * The log densities of all latents: SAELens's {@code sparsity.safetensors}.
   *
   * @return log10(f + 1e-10) of each, rounded to f32 {@code [d_sae]}
   */
  public float[] log10() {
    float[] all = new float[fired.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = (float) log10(fired[i]);
    }
    return all;
  }

  /**
   * The histogram for JSON.
   *
   * @return {@code log10_edges} (one more than bins) and {@code counts}
   */
  Map<String, Object> toMap() {
    List<Object> edges = new ArrayList<>();
    for (int i = 0; i <= BINS; i++) {
      edges.add(LOWEST + i * BIN_WIDTH);
    }
    List<Object> counts = new ArrayList<>();
    for (int count : histogram()) {
      counts.add(count);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("log10_edges", edges);
    map.put("counts", counts);
    return map;
  }

  private double log10(long times) {
    return StrictMath.log10((double) times / rows + SMALLEST);
  }
}
