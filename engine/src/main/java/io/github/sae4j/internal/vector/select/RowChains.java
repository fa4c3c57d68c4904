package io.github.sae4j.internal.vector.select;

import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.memory.Matrix;

/**
 * Products of one row with some rows of a matrix, each the chain of numerics rule 1. A chain waits
 * for its own sums, so eight run side by side; vectors along d_in would have another order.
 */
final class RowChains {
  private static final int CHAINS = 8;

  private float[] rows = {};
  private final float[] last = new float[CHAINS];

  /**
   * Computes products.
   *
   * @param x the row, at the start
   * @param weights {@code [n, depth]}
   * @param latents rows of the weights
   * @param from the first that is taken
   * @param to the end of those
   * @param out receives the product with {@code latents[i]} at i
   */
  void multiply(float[] x, Matrix weights, int[] latents, int from, int to, float[] out) {
    int depth = weights.cols();
    if (rows.length < CHAINS * depth) {
      rows = new float[CHAINS * depth];
    }
    int i = from;
    for (; i + CHAINS <= to; i += CHAINS) {
      for (int c = 0; c < CHAINS; c++) {
        Rows.copy(weights, latents[i + c], 0, depth, rows, c * depth);
      }
      chains8(x, rows, depth, out, i);
    }
    if (i < to) {
      // The chains beyond the last are of rows that came before, and ignored.
      for (int c = 0; i + c < to; c++) {
        Rows.copy(weights, latents[i + c], 0, depth, rows, c * depth);
      }
      chains8(x, rows, depth, last, 0);
      System.arraycopy(last, 0, out, i, to - i);
    }
  }

  private static void chains8(float[] x, float[] rows, int depth, float[] out, int at) {
    int second = depth;
    int third = 2 * depth;
    int fourth = 3 * depth;
    int fifth = 4 * depth;
    int sixth = 5 * depth;
    int seventh = 6 * depth;
    int eighth = 7 * depth;
    float s0 = 0f;
    float s1 = 0f;
    float s2 = 0f;
    float s3 = 0f;
    float s4 = 0f;
    float s5 = 0f;
    float s6 = 0f;
    float s7 = 0f;
    for (int p = 0; p < depth; p++) {
      float v = x[p];
      s0 = Math.fma(v, rows[p], s0);
      s1 = Math.fma(v, rows[second + p], s1);
      s2 = Math.fma(v, rows[third + p], s2);
      s3 = Math.fma(v, rows[fourth + p], s3);
      s4 = Math.fma(v, rows[fifth + p], s4);
      s5 = Math.fma(v, rows[sixth + p], s5);
      s6 = Math.fma(v, rows[seventh + p], s6);
      s7 = Math.fma(v, rows[eighth + p], s7);
    }
    out[at] = s0;
    out[at + 1] = s1;
    out[at + 2] = s2;
    out[at + 3] = s3;
    out[at + 4] = s4;
    out[at + 5] = s5;
    out[at + 6] = s6;
    out[at + 7] = s7;
  }
}
