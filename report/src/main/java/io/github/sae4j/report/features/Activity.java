package io.github.sae4j.report.features;

import io.github.sae4j.report.runs.Histogram;
import java.util.Arrays;

/**
 * How often and how strongly each latent fires: counts, sums, and a histogram of its positive
 * activations, whose range is a power of two that grows as in {@link Histogram}.
 */
final class Activity {
  static final int BINS = Histogram.BINS;

  final long[] fired;
  final double[] sums;
  final float[] largest;
  private final int[] counts;

  /** Exponent of each latent's range; the least there is if it has none yet. */
  private final short[] exponents;

  Activity(int latents) {
    fired = new long[latents];
    sums = new double[latents];
    largest = new float[latents];
    counts = new int[Math.multiplyExact(latents, BINS)];
    exponents = new short[latents];
    Arrays.fill(exponents, Short.MIN_VALUE);
  }

  /** Counts an activation other than 0. */
  void add(int latent, float value) {
    fired[latent]++;
    sums[latent] += value;
    if (value <= 0) {
      return;
    }
    int needed = Math.getExponent(value) + 1;
    if (needed > exponents[latent]) {
      widen(latent, needed);
    }
    largest[latent] = Math.max(largest[latent], value);
    counts[latent * BINS + (int) (Math.scalb(value, -exponents[latent]) * BINS)]++;
  }

  private void widen(int latent, int exponent) {
    int from = latent * BINS;
    int shift = exponents[latent] == Short.MIN_VALUE ? 0 : exponent - exponents[latent];
    exponents[latent] = (short) exponent;
    if (shift == 0) {
      return;
    }
    int[] merged = new int[BINS];
    for (int i = 0; i < BINS; i++) {
      merged[shift > 30 ? 0 : i >> shift] += counts[from + i];
    }
    System.arraycopy(merged, 0, counts, from, BINS);
  }

  /**
   * Upper end of a latent's histogram: a power of two above all its activations, or the largest
   * float; 0 if none.
   */
  float range(int latent) {
    return exponents[latent] == Short.MIN_VALUE
        ? 0
        : Math.min(Float.MAX_VALUE, Math.scalb(1f, exponents[latent]));
  }

  /** Its bins, some neighbours joined. */
  int[] histogram(int latent, int bins) {
    int[] joined = new int[bins];
    for (int i = 0; i < BINS; i++) {
      joined[i * bins / BINS] += counts[latent * BINS + i];
    }
    return joined;
  }

  /**
   * The activation below which a share of the positive ones lies, linear within a bin: off by at
   * most a bin's width.
   */
  float quantile(int latent, double share) {
    long all = 0;
    for (int i = 0; i < BINS; i++) {
      all += counts[latent * BINS + i];
    }
    double wanted = share * all;
    double below = 0;
    for (int i = 0; i < BINS; i++) {
      int here = counts[latent * BINS + i];
      if (here > 0 && below + here >= wanted) {
        double place = (i + (wanted - below) / here) / BINS * range(latent);
        return (float) Math.min(place, largest[latent]);
      }
      below += here;
    }
    return largest[latent];
  }
}
