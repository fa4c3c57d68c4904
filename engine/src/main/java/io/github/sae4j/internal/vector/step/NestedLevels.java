package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.objective.Matryoshka;

/**
 * The nested prefixes of a Matryoshka step. A row's codes are ascending and its reconstruction is
 * one chain over them, so each prefix's reconstruction is the chain so far.
 */
final class NestedLevels {
  private final int[] widths;
  private final int padded;

  /**
   * Per inner width the gradient at its output, {@code [rows, padded]}; once all are known, its sum
   * with those of all wider levels.
   */
  private final float[][] gradients;

  /** Per inner width ‖e‖² of every row. */
  private final float[][] squares;

  NestedLevels(Matryoshka term, int rows, int padded) {
    this.widths = term.widths().stream().mapToInt(Integer::intValue).toArray();
    this.padded = padded;
    this.gradients = new float[widths.length][Math.multiplyExact(rows, padded)];
    this.squares = new float[widths.length][rows];
  }

  /** Bytes of the arrays of this many levels. */
  static long bytes(int levels, long rows, long padded) {
    return levels * 4L * rows * (padded + 1);
  }

  /** Number of inner widths. */
  int count() {
    return widths.length;
  }

  /** The first level that a latent is part of; the number of inner widths for the last latents. */
  int levelOf(int latent) {
    int level = 0;
    while (level < widths.length && latent >= widths[level]) {
      level++;
    }
    return level;
  }

  /** The end of the codes of a level: the first at or after {@code from} of a latent past it. */
  int end(int level, int[] latents, int from, int to) {
    int end = from;
    while (end < to && latents[end] < widths[level]) {
      end++;
    }
    return end;
  }

  /** The gradient rows that the latents of a level are trained with. */
  float[] gradient(int level, float[] whole) {
    return level == widths.length ? whole : gradients[level];
  }

  /** The gradient rows of an inner width. */
  float[] gradient(int level) {
    return gradients[level];
  }

  /** ‖e‖² per row of an inner width. */
  float[] squares(int level) {
    return squares[level];
  }

  /** Accumulates the levels' gradients of a row, from that of all latents to the narrowest. */
  void sum(int row, float[] whole) {
    int at = row * padded;
    float[] wider = whole;
    for (int level = widths.length - 1; level >= 0; level--) {
      RowArithmetic.add(gradients[level], at, wider, at, padded);
      wider = gradients[level];
    }
  }

  /** The term's value in rows of a micro-batch. */
  double value(int from, int rows) {
    double value = 0;
    for (float[] ofLevel : squares) {
      value += BatchSums.sum(ofLevel, from, rows) / rows;
    }
    return value;
  }
}
