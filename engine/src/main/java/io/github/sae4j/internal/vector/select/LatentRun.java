package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Consecutive latents of one row after the other, as sums without bias, and the scans that find the
 * candidates among them. Scratch of one thread; runs are read in whole panels, so arrays must reach
 * that far and hold finite numbers there.
 */
class LatentRun {
  private static final long ALL = PANEL == 64 ? -1L : (1L << PANEL) - 1;
  private static final FloatVector ZERO = FloatVector.zero(SPECIES);

  /** Groups whose maxima are taken at a time. */
  private static final int BLOCK = 8 * LENGTH;

  /** Groups per latent that is kept: with four, a bound admits about k · 1.15 candidates. */
  private static final int GROUPS = 4;

  float[] sums = {};
  float[] bias = {};

  /** Rank scales; or null. */
  float[] scale;

  Relu relu = Relu.NONE;

  /** Whether ranks may be bounded before ReLU. */
  private boolean bounded;

  /** Latent of the first. */
  int firstLatent;

  int count;

  /** Sum of the first. */
  int sumsAt;

  /** Bias and scale of the first. */
  int at;

  /** Whether no rank that was scanned is NaN or infinite, as far as {@link #scan} can tell. */
  boolean finite;

  /** Panels with candidates, by their first latent counted from the run's. */
  int[] panels = {};

  /** Their candidates, lowest bit first. */
  long[] masks = {};

  private float[] maxima = {};

  /**
   * Sets what all runs share.
   *
   * @param sums where sums are
   * @param bias biases
   * @param scale rank scales; or null
   * @param relu where values are cut
   * @param bounded what {@link #mayBeBounded} says of all latents
   */
  LatentRun over(float[] sums, float[] bias, float[] scale, Relu relu, boolean bounded) {
    this.bounded = bounded;
    this.sums = sums;
    this.bias = bias;
    this.scale = scale;
    this.relu = relu;
    return this;
  }

  /**
   * Whether a bound of ranks before ReLU holds for those after it: not where a negative scale turns
   * a value that ReLU makes 0 into a high rank.
   *
   * @param scale rank scales; or null
   * @param count number of latents
   * @param relu where values are cut
   */
  static boolean mayBeBounded(float[] scale, int count, Relu relu) {
    if (relu != Relu.BEFORE || scale == null) {
      return true;
    }
    for (int i = 0; i < count; i++) {
      if (scale[i] < 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Sets the run.
   *
   * @param firstLatent latent of the first
   * @param count number of latents
   * @param sumsAt sum of the first
   * @param at bias and scale of the first
   */
  LatentRun set(int firstLatent, int count, int sumsAt, int at) {
    this.firstLatent = firstLatent;
    this.count = count;
    this.sumsAt = sumsAt;
    this.at = at;
    int most = (count + PANEL - 1) / PANEL + 1;
    if (panels.length < most) {
      panels = new int[most];
      masks = new long[most];
    }
    return this;
  }

  /**
   * A rank that at least k latents of the run reach: the k-th largest of the maxima of groups, each
   * of which holds every so many-th latent. Groups are several times k, so the best latents rarely
   * meet in one and few more than k reach it.
   *
   * @param from first latent, counted from the run's; a multiple of a panel
   * @param k how many must reach it
   * @return the rank; or −∞ if the run is too short, ReLU makes ranks below it equal, or some scale
   *     is negative
   */
  float bound(int from, int k) {
    int whole = (count - from) / BLOCK * BLOCK;
    int groups = Integer.highestOneBit(Math.max(BLOCK, 2 * GROUPS * k - 1));
    while (groups > whole / 2) {
      groups /= 2;
    }
    if (!bounded || groups < BLOCK || groups < k + k / 4) {
      return Float.NEGATIVE_INFINITY;
    }
    if (maxima.length < groups) {
      maxima = new float[groups];
    }
    takeMaxima(from, whole, groups);
    float bound = Counting.kthLargest(maxima, 0, groups, k, k + k / 8);
    return relu == Relu.BEFORE && !(bound > 0) ? Float.NEGATIVE_INFINITY : bound;
  }

  /**
   * Maxima of groups, eight vectors of groups at a time, whose maxima stay in registers. The higher
   * of two is written out: a method for it boxes that many.
   */
  private void takeMaxima(int from, int whole, int groups) {
    float[] sums = this.sums;
    float[] bias = this.bias;
    float[] maxima = this.maxima;
    int shift = at - sumsAt;
    int blocks = whole / groups;
    int first = sumsAt + from;
    for (int group = 0; group < groups; group += BLOCK) {
      FloatVector m0 = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
      FloatVector m1 = m0;
      FloatVector m2 = m0;
      FloatVector m3 = m0;
      FloatVector m4 = m0;
      FloatVector m5 = m0;
      FloatVector m6 = m0;
      FloatVector m7 = m0;
      for (int b = 0; b < blocks; b++) {
        int i = first + b * groups + group;
        int j = i + shift;
        FloatVector r0 =
            FloatVector.fromArray(SPECIES, sums, i).add(FloatVector.fromArray(SPECIES, bias, j));
        FloatVector r1 =
            FloatVector.fromArray(SPECIES, sums, i + LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + LENGTH));
        FloatVector r2 =
            FloatVector.fromArray(SPECIES, sums, i + 2 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 2 * LENGTH));
        FloatVector r3 =
            FloatVector.fromArray(SPECIES, sums, i + 3 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 3 * LENGTH));
        FloatVector r4 =
            FloatVector.fromArray(SPECIES, sums, i + 4 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 4 * LENGTH));
        FloatVector r5 =
            FloatVector.fromArray(SPECIES, sums, i + 5 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 5 * LENGTH));
        FloatVector r6 =
            FloatVector.fromArray(SPECIES, sums, i + 6 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 6 * LENGTH));
        FloatVector r7 =
            FloatVector.fromArray(SPECIES, sums, i + 7 * LENGTH)
                .add(FloatVector.fromArray(SPECIES, bias, j + 7 * LENGTH));
        if (scale != null) {
          r0 = r0.mul(FloatVector.fromArray(SPECIES, scale, j));
          r1 = r1.mul(FloatVector.fromArray(SPECIES, scale, j + LENGTH));
          r2 = r2.mul(FloatVector.fromArray(SPECIES, scale, j + 2 * LENGTH));
          r3 = r3.mul(FloatVector.fromArray(SPECIES, scale, j + 3 * LENGTH));
          r4 = r4.mul(FloatVector.fromArray(SPECIES, scale, j + 4 * LENGTH));
          r5 = r5.mul(FloatVector.fromArray(SPECIES, scale, j + 5 * LENGTH));
          r6 = r6.mul(FloatVector.fromArray(SPECIES, scale, j + 6 * LENGTH));
          r7 = r7.mul(FloatVector.fromArray(SPECIES, scale, j + 7 * LENGTH));
        }
        m0 = m0.blend(r0, r0.compare(VectorOperators.GT, m0));
        m1 = m1.blend(r1, r1.compare(VectorOperators.GT, m1));
        m2 = m2.blend(r2, r2.compare(VectorOperators.GT, m2));
        m3 = m3.blend(r3, r3.compare(VectorOperators.GT, m3));
        m4 = m4.blend(r4, r4.compare(VectorOperators.GT, m4));
        m5 = m5.blend(r5, r5.compare(VectorOperators.GT, m5));
        m6 = m6.blend(r6, r6.compare(VectorOperators.GT, m6));
        m7 = m7.blend(r7, r7.compare(VectorOperators.GT, m7));
      }
      m0.intoArray(maxima, group);
      m1.intoArray(maxima, group + LENGTH);
      m2.intoArray(maxima, group + 2 * LENGTH);
      m3.intoArray(maxima, group + 3 * LENGTH);
      m4.intoArray(maxima, group + 4 * LENGTH);
      m5.intoArray(maxima, group + 5 * LENGTH);
      m6.intoArray(maxima, group + 6 * LENGTH);
      m7.intoArray(maxima, group + 7 * LENGTH);
    }
  }

  /**
   * Finds the latents whose rank exceeds a limit, regardless of ReLU.
   *
   * @param from first latent, counted from the run's; a multiple of a panel
   * @param limit the limit
   * @return how many panels hold some
   */
  int scan(int from, float limit) {
    float[] sums = this.sums;
    float[] bias = this.bias;
    float[] scale = this.scale;
    int[] panels = this.panels;
    long[] masks = this.masks;
    FloatVector least = FloatVector.broadcast(SPECIES, limit);
    // Stays 0 unless some rank is NaN or infinite.
    FloatVector check = FloatVector.zero(SPECIES);
    int found = 0;
    for (int i = from; i < count; i += PANEL) {
      FloatVector low =
          FloatVector.fromArray(SPECIES, sums, sumsAt + i)
              .add(FloatVector.fromArray(SPECIES, bias, at + i));
      FloatVector high =
          FloatVector.fromArray(SPECIES, sums, sumsAt + i + LENGTH)
              .add(FloatVector.fromArray(SPECIES, bias, at + i + LENGTH));
      if (scale != null) {
        low = low.mul(FloatVector.fromArray(SPECIES, scale, at + i));
        high = high.mul(FloatVector.fromArray(SPECIES, scale, at + i + LENGTH));
      }
      // One sum keeps the dependency chain of the checks short; if it overflows, an exact check
      // follows.
      check = low.add(high).fma(ZERO, check);
      long mask =
          low.compare(VectorOperators.GT, least).toLong()
              | high.compare(VectorOperators.GT, least).toLong() << LENGTH;
      mask &= count - i >= PANEL ? ALL : (1L << (count - i)) - 1;
      // No branch: most panels of a row hold none, but which cannot be predicted.
      panels[found] = i;
      masks[found] = mask;
      found += (int) ((mask | -mask) >>> 63);
    }
    finite = !check.compare(VectorOperators.NE, ZERO).anyTrue();
    return found;
  }

  /** Exactly whether all ranks of the run are finite. */
  boolean isFinite() {
    for (int i = 0; i < count; i++) {
      float value = sums[sumsAt + i] + bias[at + i];
      float rank = scale == null ? value : value * scale[at + i];
      if (!Float.isFinite(value) || !Float.isFinite(rank)) {
        return false;
      }
    }
    return true;
  }
}
