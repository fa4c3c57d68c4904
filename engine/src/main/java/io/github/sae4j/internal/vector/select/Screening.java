package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.Quickselect;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Chooses a row's latents from products with a {@link ReducedCopy}: those that the copy's bound
 * does not rule out are computed from W_enc, and the activation is applied to their
 * pre-activations.
 *
 * <p><b>Bound.</b> With p, t, S, e and a as there and b the bias, p + b lies within ‖x‖ e + a of t
 * S + b. The centre c = fma(t, S, b) is that to a factor 1 + u and 2⁻¹⁵⁰. So p + b is at most
 *
 * <pre>  U = c + fma(|c|, 2⁻²², fma(X, e, a))  </pre>
 *
 * in f32: X exceeds ‖x‖ by a factor 1 + 10⁻⁶, which covers the roundings of both fma, and 2⁻²² |c|
 * is four times the last rounding, so that what it loses is still there; a has room for what
 * underflows. The pre-activation fl(p + b) is then at most U too, because U is a float and rounding
 * is monotone; and so are ReLU and fl(· scale) with a scale that is not negative. So a rank is at
 * most what the same operations make of U, with no further slack.
 *
 * <p><b>TopK.</b> k latents with large centres are computed first. Their smallest rank τ is at most
 * that of the k-th best latent, so a latent is in the code only if its bound reaches τ. Equal ranks
 * are among those that reach it, and the order of numerics rule 10 decides among exact values.
 * Where ReLU comes first and τ is 0, latents that are not positive tie: then all whose bound is
 * positive are computed, and the lowest of the others take the places that are left.
 *
 * <p><b>Threshold.</b> A latent is active only if its bound reaches θ, and 0 where its value is the
 * pre-activation.
 *
 * <p><b>Not covered</b> are rows that are not finite or so large that something might overflow,
 * which the plain path reports as ever: {@link #covers}.
 */
final class Screening {
  /** Share of |c| that covers the roundings of the centre and of the bound. */
  private static final float OF_CENTRE = 0x1p-22f;

  /** Numbers below this are far from overflowing. */
  private static final double SAFE = 0x1p124;

  private final Matrix wEnc;
  private final ReducedCopy copy;
  private final int dIn;
  private final int dSae;
  private final float[] bDec;

  /**
   * b_enc, padded with −∞: a latent beyond the last is never chosen, because its bound is −∞ + ∞,
   * not a number.
   */
  private final float[] bias;

  /** The rank scale, padded; or null. */
  private final float[] scale;

  /** θ of each latent, padded; or null for TopK. */
  private final float[] theta;

  /**
   * What a bound must reach for a latent to be active: θ, and 0 where the value must be positive.
   */
  private final float[] reaches;

  private final float[] zeros;
  private final Threshold.Magnitude magnitude;
  private final Relu relu;
  private final int k;
  private final double largestBias;
  private final double largestScale;

  /**
   * Prepares the choice.
   *
   * @param encoder the weights
   * @param activation one that is {@link #knows known}
   * @param copy the copy of W_enc
   */
  Screening(EncoderWeights encoder, Activation activation, ReducedCopy copy) {
    this.wEnc = encoder.wEnc();
    this.copy = copy;
    dIn = encoder.dIn();
    dSae = encoder.dSae();
    bDec = encoder.bDec() == null ? null : encoder.bDec().toArray();
    int padded = copy.units.length;
    bias = Arrays.copyOf(encoder.bEnc().toArray(), padded);
    Arrays.fill(bias, dSae, padded, Float.NEGATIVE_INFINITY);
    scale =
        encoder.rankScale() == null ? null : Arrays.copyOf(encoder.rankScale().toArray(), padded);
    zeros = new float[padded];
    largestBias = largestMagnitude(bias, dSae);
    largestScale = scale == null ? 1 : largestMagnitude(scale, dSae);
    if (activation instanceof Ranked ranked) {
      theta = null;
      reaches = null;
      magnitude = null;
      relu = ranked.relu();
      k = (int) ranked.k();
    } else {
      Threshold threshold = (Threshold) activation;
      theta = new float[padded];
      for (int i = 0; i < dSae; i++) {
        theta[i] = threshold.theta(i);
      }
      magnitude = threshold.magnitude().orElse(null);
      reaches = new float[padded];
      for (int i = 0; i < dSae; i++) {
        reaches[i] = magnitude == null ? Math.max(theta[i], 0f) : theta[i];
      }
      relu = Relu.NONE;
      k = 0;
    }
  }

  /** Whether an encoder can be screened at all. */
  static boolean knows(EncoderWeights encoder, Activation activation) {
    boolean known =
        activation instanceof Threshold || (activation instanceof Ranked ranked && ranked.isTopK());
    return known && encoder.dIn() <= ReducedCopy.MOST_ELEMENTS && monotone(encoder.rankScale());
  }

  /** Whether ranks never fall where pre-activations rise. */
  private static boolean monotone(Matrix scale) {
    for (int i = 0; scale != null && i < scale.cols(); i++) {
      if (scale.get(0, i) < 0) {
        return false;
      }
    }
    return true;
  }

  /** The largest magnitude, or NaN if one of the values is. */
  private static double largestMagnitude(float[] values, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      // Math.max is NaN if either is.
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  /** Scratch of a worker. */
  static final class Worker {
    private final RowChains chains = new RowChains();
    private final TopKBuffer selector = new TopKBuffer();
    private final HeapCodes first = new HeapCodes();
  }

  /** A row and what is known of its code. */
  static final class Row {
    /** x − b_dec. */
    float[] x = {};

    /** At least ‖x‖. */
    float norm;

    /** Latents of the code, ascending, and their values. */
    int[] latents = {};

    float[] values = {};
    int count;

    /** Set if the row is not covered. */
    boolean plain;

    /** Set if the gated form makes a value that is not finite. */
    NonFiniteException failure;

    /** Latents whose products are computed from W_enc, ascending. */
    int[] candidates = {};

    /** How many there are. */
    int candidateCount;

    /** How many of their products are not known yet. */
    int missing;

    /** Whether latents of rank 0 fill up the code. */
    private boolean fills;

    private float[] products = {};
    private float[] ranks = {};
    private float[] scratch = {};
    private int[] others = {};
    private int[] placesOfOthers = {};
    private float[] firstProducts = {};

    /** Makes room for candidates while they are collected. */
    private int[] roomFor(int count) {
      candidates = Arrays.copyOf(candidates, Math.max(count, Math.max(256, 2 * candidates.length)));
      return candidates;
    }

    /** Makes room for what is known of the candidates. */
    private void reserve(int count) {
      if (products.length < count) {
        products = new float[candidates.length];
        ranks = new float[candidates.length];
        scratch = new float[candidates.length];
        others = new int[candidates.length];
        placesOfOthers = new int[candidates.length];
      }
    }
  }

  /** Reads a row, and returns whether it can be screened. */
  boolean read(Matrix x, int from, Row row) {
    if (row.x.length < dIn) {
      row.x = new float[dIn];
    }
    x.read(from, 1, row.x, 0);
    for (int j = 0; bDec != null && j < dIn; j++) {
      row.x[j] -= bDec[j];
    }
    row.plain = false;
    row.failure = null;
    row.count = 0;
    row.candidateCount = 0;
    return covers(row);
  }

  /**
   * Whether nothing that is computed of a row can overflow: every prefix of a chain is at most (1 +
   * γ) ‖x‖ ‖w‖, a copy's floats are at most 2³¹ units, and bounds are a few times that.
   */
  private boolean covers(Row row) {
    double norm = Math.sqrt(squares(row.x, dIn));
    row.norm = ReducedCopy.up(norm * (1 + 1e-6));
    double sums = row.norm * (copy.int8() ? 0x1p31 * Math.sqrt(dIn) : copy.largestNorm);
    double bounds = (8 * row.norm * copy.largestNorm + largestBias) * Math.max(1, largestScale);
    // False for NaN.
    return row.norm < SAFE && sums < SAFE && bounds < SAFE && copy.largestError < SAFE;
  }

  private static double squares(float[] x, int length) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int j = 0;
    for (; j + 4 <= length; j += 4) {
      s0 += (double) x[j] * x[j];
      s1 += (double) x[j + 1] * x[j + 1];
      s2 += (double) x[j + 2] * x[j + 2];
      s3 += (double) x[j + 3] * x[j + 3];
    }
    for (; j < length; j++) {
      s0 += (double) x[j] * x[j];
    }
    return s0 + s1 + (s2 + s3);
  }

  /**
   * Finds the latents that may be in a row's code.
   *
   * @param row read and covered
   * @param sums products with the copy, from {@code at}; overwritten
   * @param at the first
   * @param worker scratch
   */
  void select(Row row, float[] sums, int at, Worker worker) {
    centre(sums, at);
    if (theta != null) {
      candidates(row, sums, at, 0f);
      row.missing = row.candidateCount;
      return;
    }
    float least = first(row, sums, at, worker);
    row.fills = relu == Relu.BEFORE && !(least > 0);
    candidates(row, sums, at, row.fills ? 0f : least);
    separate(row, worker.first.indices);
  }

  /**
   * Computes some of a selected row's products.
   *
   * @param row the row
   * @param from the first of those that are {@link Row#missing}
   * @param to the end of those
   * @param worker scratch
   */
  void multiply(Row row, int from, int to, Worker worker) {
    if (theta != null) {
      worker.chains.multiply(row.x, wEnc, row.candidates, from, to, row.products);
    } else {
      worker.chains.multiply(row.x, wEnc, row.others, from, to, row.scratch);
    }
  }

  /**
   * Forms the code of a selected row, all of whose products are there.
   *
   * @param row the row
   * @param number of the row, for messages
   */
  void take(Row row, int number) {
    if (theta != null) {
      takeActive(row, number);
      return;
    }
    for (int o = 0; o < row.missing; o++) {
      row.products[row.placesOfOthers[o]] = row.scratch[o];
    }
    if (row.fills) {
      takePositive(row);
    } else {
      takeBest(row);
    }
  }

  /**
   * Forms a row's code from its products with all of W_enc.
   *
   * @param row read and covered
   * @param number of the row, for messages
   * @param sums the products, from {@code at}
   * @param at the first
   * @param worker scratch
   */
  void takeFromAll(Row row, int number, float[] sums, int at, Worker worker) {
    if (theta != null) {
      active(row, sums, at);
      takeActive(row, number);
      return;
    }
    TopKBuffer selector = worker.selector;
    selector.reset(1, k, dSae, scale != null);
    float[] thresholds = selector.thresholds();
    for (int i = 0; i < dSae; i += LENGTH) {
      FloatVector rank =
          FloatVector.fromArray(SPECIES, sums, at + i).add(FloatVector.fromArray(SPECIES, bias, i));
      if (scale != null) {
        rank = rank.mul(FloatVector.fromArray(SPECIES, scale, i));
      }
      long mask = rank.compare(VectorOperators.GT, thresholds[0]).toLong() & latentsFrom(i);
      if (mask != 0) {
        selector.append(0, mask, i, sums, at + i, bias, scale, i, relu);
      }
    }
    HeapCodes best = worker.first.equalRows(1, k);
    selector.finish(0, relu, best, 0);
    reserve(row, k);
    System.arraycopy(best.indices, 0, row.latents, 0, k);
    System.arraycopy(best.values, 0, row.values, 0, k);
    row.count = k;
  }

  /** The lanes of a vector that are latents, not padding. */
  private long latentsFrom(int first) {
    return dSae - first >= LENGTH ? -1L : (1L << (dSae - first)) - 1;
  }

  /** Collects the active latents with their products. */
  private void active(Row row, float[] sums, int at) {
    int count = 0;
    int[] found = row.candidates;
    for (int i = 0; i < dSae; i += LENGTH) {
      FloatVector value =
          FloatVector.fromArray(SPECIES, sums, at + i).add(FloatVector.fromArray(SPECIES, bias, i));
      if (scale != null) {
        value = value.mul(FloatVector.fromArray(SPECIES, scale, i));
      }
      FloatVector reach = FloatVector.fromArray(SPECIES, reaches, i);
      long mask = value.compare(VectorOperators.GE, reach).toLong() & latentsFrom(i);
      if (count + LENGTH > found.length) {
        found = row.roomFor(count + LENGTH);
      }
      for (; mask != 0; mask &= mask - 1) {
        found[count++] = i + Long.numberOfTrailingZeros(mask);
      }
    }
    row.candidateCount = count;
    row.reserve(count);
    for (int c = 0; c < count; c++) {
      row.products[c] = sums[at + found[c]];
    }
  }

  /** Replaces sums by centres. */
  private void centre(float[] sums, int at) {
    for (int i = 0; i < bias.length; i += LENGTH) {
      FloatVector sum = FloatVector.fromArray(SPECIES, sums, at + i);
      FloatVector unit = FloatVector.fromArray(SPECIES, copy.units, i);
      unit.fma(sum, FloatVector.fromArray(SPECIES, bias, i)).intoArray(sums, at + i);
    }
  }

  /** Computes k latents with large centres, and returns their smallest rank. */
  private float first(Row row, float[] centres, int at, Worker worker) {
    TopKBuffer selector = worker.selector;
    selector.reset(1, k, dSae, scale != null);
    float[] thresholds = selector.thresholds();
    for (int i = 0; i < bias.length; i += LENGTH) {
      FloatVector rank = FloatVector.fromArray(SPECIES, centres, at + i);
      if (scale != null) {
        rank = rank.mul(FloatVector.fromArray(SPECIES, scale, i));
      }
      long mask = rank.compare(VectorOperators.GT, thresholds[0]).toLong();
      if (mask != 0) {
        selector.append(0, mask, i, centres, at + i, zeros, scale, i, Relu.NONE);
      }
    }
    HeapCodes best = worker.first.equalRows(1, k);
    selector.finish(0, Relu.NONE, best, 0);
    if (row.firstProducts.length < k) {
      row.firstProducts = new float[k];
    }
    worker.chains.multiply(row.x, wEnc, best.indices, 0, k, row.firstProducts);
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i < k; i++) {
      least = Math.min(least, rank(best.indices[i], row.firstProducts[i]));
    }
    return least;
  }

  /** The rank of a latent, given its product. */
  private float rank(int latent, float product) {
    float rank = product + bias[latent];
    if (relu == Relu.BEFORE && !(rank > 0)) {
      rank = 0f;
    }
    return scale == null ? rank : rank * scale[latent];
  }

  /** Collects the latents whose bound reaches a rank, or exceeds their threshold. */
  private void candidates(Row row, float[] centres, int at, float least) {
    FloatVector norm = FloatVector.broadcast(SPECIES, row.norm);
    FloatVector absolute = FloatVector.broadcast(SPECIES, copy.absolute);
    FloatVector share = FloatVector.broadcast(SPECIES, OF_CENTRE);
    FloatVector reach = FloatVector.broadcast(SPECIES, least);
    int count = 0;
    int[] found = row.candidates;
    for (int i = 0; i < bias.length; i += LENGTH) {
      FloatVector centre = FloatVector.fromArray(SPECIES, centres, at + i);
      FloatVector error = norm.fma(FloatVector.fromArray(SPECIES, copy.errors, i), absolute);
      FloatVector bound = centre.add(centre.abs().fma(share, error));
      if (scale != null) {
        bound = bound.mul(FloatVector.fromArray(SPECIES, scale, i));
      }
      if (theta != null) {
        reach = FloatVector.fromArray(SPECIES, reaches, i);
      }
      long mask = bound.compare(VectorOperators.GE, reach).toLong();
      if (mask != 0) {
        if (count + LENGTH > found.length) {
          found = row.roomFor(count + LENGTH);
        }
        for (; mask != 0; mask &= mask - 1) {
          found[count++] = i + Long.numberOfTrailingZeros(mask);
        }
      }
    }
    row.candidateCount = count;
    row.reserve(count);
  }

  /** Separates candidates that were among the first, whose products are known, from others. */
  private void separate(Row row, int[] first) {
    int m = row.candidateCount;
    int others = 0;
    for (int c = 0, f = 0; c < m; c++) {
      int latent = row.candidates[c];
      while (f < k && first[f] < latent) {
        f++;
      }
      if (f < k && first[f] == latent) {
        row.products[c] = row.firstProducts[f];
      } else {
        row.others[others] = latent;
        row.placesOfOthers[others++] = c;
      }
    }
    row.missing = others;
  }

  /** TopK of the candidates, all of whose ranks count. */
  private void takeBest(Row row) {
    int m = row.candidateCount;
    for (int c = 0; c < m; c++) {
      row.ranks[c] = rank(row.candidates[c], row.products[c]);
    }
    System.arraycopy(row.ranks, 0, row.scratch, 0, m);
    float kth = Quickselect.kthLargest(row.scratch, m, k);
    int equals = k;
    for (int c = 0; c < m; c++) {
      equals -= row.ranks[c] > kth ? 1 : 0;
    }
    reserve(row, k);
    int count = 0;
    for (int c = 0; c < m; c++) {
      if (row.ranks[c] > kth || (row.ranks[c] == kth && equals-- > 0)) {
        int latent = row.candidates[c];
        row.latents[count] = latent;
        row.values[count++] = relu.stored(row.products[c] + bias[latent]);
      }
    }
    row.count = count;
  }

  /**
   * TopK after ReLU where fewer than k may have a positive rank: the lowest of the others fill up.
   * A filler that is no candidate is not positive; one that is may be, if its scale is 0 or its
   * rank underflows.
   */
  private void takePositive(Row row) {
    int positive = 0;
    for (int c = 0; c < row.candidateCount; c++) {
      positive += rank(row.candidates[c], row.products[c]) > 0 ? 1 : 0;
    }
    if (positive >= k) {
      takeBest(row);
      return;
    }
    reserve(row, k);
    int count = 0;
    int zeros = k - positive;
    for (int latent = 0, c = 0; count < k; latent++) {
      float value = 0f;
      boolean chosen = false;
      if (c < row.candidateCount && row.candidates[c] == latent) {
        chosen = rank(latent, row.products[c]) > 0;
        value = relu.stored(row.products[c++] + bias[latent]);
      }
      if (chosen || zeros-- > 0) {
        row.latents[count] = latent;
        row.values[count++] = value;
      }
    }
    row.count = count;
  }

  /** The candidates above their thresholds. */
  private void takeActive(Row row, int number) {
    int m = row.candidateCount;
    reserve(row, m);
    int count = 0;
    for (int c = 0; c < m; c++) {
      int latent = row.candidates[c];
      float value = row.products[c] + bias[latent];
      float compared = scale == null ? value : value * scale[latent];
      if (!(compared > theta[latent])) {
        continue;
      }
      if (magnitude != null) {
        value = Math.fma(row.products[c], magnitude.gain()[latent], magnitude.bias()[latent]);
        if (!Float.isFinite(value)) {
          row.failure = new NonFiniteException(number, latent, value);
          return;
        }
      }
      if (value > 0) {
        row.latents[count] = latent;
        row.values[count++] = value;
      }
    }
    row.count = count;
  }

  private static void reserve(Row row, int count) {
    if (row.latents.length < count) {
      row.latents = new int[count];
      row.values = new float[count];
    }
  }
}
