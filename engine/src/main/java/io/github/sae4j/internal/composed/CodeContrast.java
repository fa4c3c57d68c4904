package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import java.util.Arrays;

/**
 * The contrastive loss between two sets of codes and its gradient by code, on the host. Codes of
 * value 0 or less take no part. With B rows:
 *
 * <ul>
 *   <li>Scores: s_bj = ⟨a_b, p_j⟩ is a chain in f32 over the latents that both hold, ascending; +0
 *       where they share none.
 *   <li>Row b's sum, in double: with m_b its largest score, Z_b = Σ exp(s_bj − m_b) over ascending
 *       j whose score is not 0, plus the number of the others times exp(−m_b).
 *   <li>Value: (m_b + log Z_b) − s_bb in double, added by rule 5, divided by B.
 *   <li>Coefficient c_bj = (exp(s_bj − m_b) / Z_b − [b = j]) · (weight / B) in double, rounded
 *       once.
 *   <li>Gradient of a's code of latent i in row b: a chain over ascending j that hold i, Σ c_bj
 *       p_ji; of p's code in row j a chain over ascending b, Σ c_bj a_bi.
 * </ul>
 *
 * <p>exp and log are {@code StrictMath}'s. Scores are formed twice, once by row of a and once by
 * row of p, so that no matrix of B x B is kept: what is touched is pairs of rows that share a
 * latent.
 */
final class CodeContrast {
  /** Rows of a part of the work. */
  private static final int PART = 32;

  private final Kernels device;
  private final Side a;
  private final Side p;
  private final int rows;
  private final double scale;
  private final float[] largest;
  private final double[] sums;
  private final double[] values;

  /** Positive codes of a side by row, and by latent. */
  private static final class Side {
    final int[] starts;
    final int[] latents;
    final float[] values;

    /** Of the codes of latent i, from {@code latentStarts[i]}: positions in ascending rows. */
    final int[] latentStarts;

    final int[] byLatent;
    final int[] rowOf;
    final float[] gradient;

    Side(SparseCodes codes, int dSae) {
      int rows = codes.rows();
      starts = new int[rows + 1];
      codes.readStarts(starts);
      latents = new int[codes.size()];
      values = new float[latents.length];
      rowOf = new int[latents.length];
      latentStarts = new int[dSae + 1];
      gradient = new float[latents.length];
      for (int b = 0; b < rows; b++) {
        for (int at = starts[b]; at < starts[b + 1]; at++) {
          latents[at] = codes.index(b, at - starts[b]);
          values[at] = codes.value(b, at - starts[b]);
          rowOf[at] = b;
          latentStarts[latents[at] + 1] += values[at] > 0 ? 1 : 0;
        }
      }
      for (int i = 0; i < dSae; i++) {
        latentStarts[i + 1] += latentStarts[i];
      }
      byLatent = new int[latentStarts[dSae]];
      int[] next = latentStarts.clone();
      for (int at = 0; at < latents.length; at++) {
        if (values[at] > 0) {
          byLatent[next[latents[at]]++] = at;
        }
      }
    }
  }

  /**
   * Forms the loss and its gradients.
   *
   * @param anchors codes of the rows
   * @param positives codes that belong to them; the same object where they are the rows' own
   * @param weight weight of the loss in the gradients
   */
  CodeContrast(
      Kernels device, SparseCodes anchors, SparseCodes positives, int dSae, double weight) {
    this.device = device;
    this.rows = anchors.rows();
    this.a = new Side(anchors, dSae);
    this.p = positives == anchors ? a : new Side(positives, dSae);
    this.scale = weight / rows;
    this.largest = new float[rows];
    this.sums = new double[rows];
    this.values = new double[rows];
    forRows(this::anchor);
    float[] first = a.gradient.clone();
    forRows(this::positive);
    if (p == a) {
      for (int at = 0; at < first.length; at++) {
        first[at] += a.gradient[at];
      }
    }
    System.arraycopy(first, 0, a.gradient, 0, first.length);
  }

  /**
   * What this takes on the heap.
   *
   * @param codes most codes of a side
   * @param sides 1, or 2 where positives are other rows
   */
  static long heapBytes(long codes, long rows, long dSae, int sides) {
    long side = 20 * codes + 4 * rows + 8 * dSae; // in use while the side is made
    long first = 4 * codes;
    return sides * side + first + 20 * rows;
  }

  /** The loss before its weight. */
  double value() {
    OrderedSums.Blocks sum = new OrderedSums.Blocks();
    for (double value : values) {
      sum.add(value);
    }
    return sum.total() / rows;
  }

  /** The gradient of each anchor's code; where positives are the same codes, of both roles. */
  float[] ofAnchors() {
    return a.gradient;
  }

  /** The gradient of each positive's code. */
  float[] ofPositives() {
    return p.gradient;
  }

  /** The work for one row, with an array of a float for each row of the other side. */
  private interface Row {
    void run(int row, float[] scores);
  }

  private void forRows(Row work) {
    device.onHost(
        (rows + PART - 1) / PART,
        part -> {
          float[] scores = new float[rows];
          for (int b = part * PART; b < Math.min(rows, (part + 1) * PART); b++) {
            work.run(b, scores);
          }
        });
  }

  /** Scores of one row of a side with all rows of the other. */
  private static void scores(Side one, int row, Side other, float[] scores) {
    Arrays.fill(scores, 0f);
    for (int at = one.starts[row]; at < one.starts[row + 1]; at++) {
      float value = one.values[at];
      if (value > 0) {
        int latent = one.latents[at];
        for (int k = other.latentStarts[latent]; k < other.latentStarts[latent + 1]; k++) {
          int with = other.byLatent[k];
          int j = other.rowOf[with];
          scores[j] = Math.fma(value, other.values[with], scores[j]);
        }
      }
    }
  }

  /** Loss of row b of a, and the gradients of its codes. */
  private void anchor(int b, float[] scores) {
    scores(a, b, p, scores);
    float own = scores[b];
    float most = scores[0];
    int zeros = 0;
    for (float score : scores) {
      most = Math.max(most, score);
      zeros += score == 0 ? 1 : 0;
    }
    double sum = 0;
    for (int j = 0; j < rows; j++) {
      if (scores[j] != 0) {
        sum += StrictMath.exp((double) scores[j] - most);
      }
    }
    sum += zeros * StrictMath.exp(-(double) most);
    largest[b] = most;
    sums[b] = sum;
    values[b] = most + StrictMath.log(sum) - own;
    for (int j = 0; j < rows; j++) {
      if (scores[j] != 0) {
        scores[j] = coefficient(scores[j], b, j);
      }
    }
    gradients(a, b, p, scores);
  }

  /** Gradients of the codes of row j of p. */
  private void positive(int j, float[] scores) {
    scores(p, j, a, scores);
    for (int b = 0; b < rows; b++) {
      if (scores[b] != 0) {
        scores[b] = coefficient(scores[b], b, j);
      }
    }
    gradients(p, j, a, scores);
  }

  private float coefficient(float score, int b, int j) {
    double share = StrictMath.exp((double) score - largest[b]) / sums[b];
    return (float) ((b == j ? share - 1 : share) * scale);
  }

  private static void gradients(Side one, int row, Side other, float[] coefficients) {
    for (int at = one.starts[row]; at < one.starts[row + 1]; at++) {
      float chain = 0f;
      if (one.values[at] > 0) {
        int latent = one.latents[at];
        for (int k = other.latentStarts[latent]; k < other.latentStarts[latent + 1]; k++) {
          int with = other.byLatent[k];
          chain = Math.fma(coefficients[other.rowOf[with]], other.values[with], chain);
        }
      }
      one.gradient[at] = chain;
    }
  }
}
