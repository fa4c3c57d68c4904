package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.memory.Matrix;
import jdk.incubator.vector.FloatVector;

/**
 * Products of some rows with a run of latents, from W_enc as it lies, each the chain of numerics
 * rule 1. Vectors run across the rows, so latents need not be packed into panels, which takes as
 * long as multiplying them with 32 rows: they are copied side by side and read an element at a
 * time.
 *
 * <p>Written out by hand, one method per shape, for the reasons of {@code gemm.MicroKernels}.
 */
final class RowProducts {
  /** Elements of a row that are copied at a time; longer chains go on from the stored sums. */
  private static final int MOST = 1024;

  /** Floats from latent to latent in the copy: a constant, and not a multiple of 4 KiB. */
  private static final int DEPTH = MOST + 16;

  private final float[] block = new float[TILE * DEPTH];
  private float[] tiles = {};

  /** Floats that {@link #pack packed} rows take. */
  static int floats(int rows, int depth) {
    return Math.multiplyExact(Math.ceilDiv(rows, LENGTH) * LENGTH, depth);
  }

  /**
   * Packs a row: {@code [groups][depth][columns]}, a group being of PANEL rows, or the last of
   * LENGTH. What rows are missing is multiplied too, and ignored.
   *
   * @param row its elements
   * @param number its number
   * @param rows how many there are
   * @param depth how many elements
   * @param packed receives it
   */
  static void pack(float[] row, int number, int rows, int depth, float[] packed) {
    int group = number / PANEL * PANEL;
    int columns = columns(rows - group);
    int at = group * depth + number - group;
    for (int p = 0; p < depth; p++) {
      packed[at + p * columns] = row[p];
    }
  }

  private static int columns(int rows) {
    return rows <= LENGTH ? LENGTH : PANEL;
  }

  /**
   * Multiplies packed rows with latents.
   *
   * @param weights {@code [n, depth]}
   * @param first the first latent
   * @param last the end of the latents
   * @param packed the rows
   * @param rows how many there are
   * @param out receives a product at {@code row * stride + latent}
   * @param stride from row to row
   */
  void multiply(
      Matrix weights, int first, int last, float[] packed, int rows, float[] out, int stride) {
    int depth = weights.cols();
    int tile = TILE * PANEL;
    if (tiles.length < Math.ceilDiv(rows, PANEL) * tile) {
      tiles = new float[Math.ceilDiv(rows, PANEL) * tile];
    }
    for (int i = first; i < last; i += TILE) {
      int latents = Math.min(TILE, last - i);
      for (int from = 0; from < depth; from += MOST) {
        int count = Math.min(MOST, depth - from);
        for (int l = 0; l < latents; l++) {
          Rows.copy(weights, i + l, from, count, block, l * DEPTH);
        }
        for (int g = 0; g < rows; g += PANEL) {
          int columns = columns(rows - g);
          multiply(packed, g * depth + from * columns, columns, count, from > 0, g * TILE);
        }
      }
      for (int r = 0; r < rows; r++) {
        int group = r / PANEL * PANEL;
        int columns = columns(rows - group);
        int at = group * TILE + r - group;
        for (int l = 0; l < latents; l++) {
          out[r * stride + i + l] = tiles[at + l * columns];
        }
      }
    }
  }

  private void multiply(float[] x, int xAt, int columns, int depth, boolean goOn, int at) {
    if (TILE == 12) {
      if (columns == PANEL) {
        latents12x2(block, x, xAt, depth, goOn, tiles, at);
      } else {
        latents12x1(block, x, xAt, depth, goOn, tiles, at);
      }
    } else if (columns == PANEL) {
      latents4x2(block, x, xAt, depth, goOn, tiles, at);
    } else {
      latents4x1(block, x, xAt, depth, goOn, tiles, at);
    }
  }

  private static void latents12x2(
      float[] w, float[] x, int xAt, int depth, boolean goOn, float[] c, int cAt) {
    FloatVector c0 = FloatVector.zero(SPECIES);
    FloatVector d0 = c0;
    FloatVector c1 = c0;
    FloatVector d1 = c0;
    FloatVector c2 = c0;
    FloatVector d2 = c0;
    FloatVector c3 = c0;
    FloatVector d3 = c0;
    FloatVector c4 = c0;
    FloatVector d4 = c0;
    FloatVector c5 = c0;
    FloatVector d5 = c0;
    FloatVector c6 = c0;
    FloatVector d6 = c0;
    FloatVector c7 = c0;
    FloatVector d7 = c0;
    FloatVector c8 = c0;
    FloatVector d8 = c0;
    FloatVector c9 = c0;
    FloatVector d9 = c0;
    FloatVector c10 = c0;
    FloatVector d10 = c0;
    FloatVector c11 = c0;
    FloatVector d11 = c0;
    if (goOn) {
      c0 = FloatVector.fromArray(SPECIES, c, cAt);
      d0 = FloatVector.fromArray(SPECIES, c, cAt + LENGTH);
      c1 = FloatVector.fromArray(SPECIES, c, cAt + PANEL);
      d1 = FloatVector.fromArray(SPECIES, c, cAt + PANEL + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL);
      d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL + LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL);
      d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL + LENGTH);
      c4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL);
      d4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL + LENGTH);
      c5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * PANEL);
      d5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * PANEL + LENGTH);
      c6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * PANEL);
      d6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * PANEL + LENGTH);
      c7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * PANEL);
      d7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * PANEL + LENGTH);
      c8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * PANEL);
      d8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * PANEL + LENGTH);
      c9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * PANEL);
      d9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * PANEL + LENGTH);
      c10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * PANEL);
      d10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * PANEL + LENGTH);
      c11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * PANEL);
      d11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * PANEL + LENGTH);
    }
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, x, xAt + p * PANEL);
      FloatVector high = FloatVector.fromArray(SPECIES, x, xAt + p * PANEL + LENGTH);
      FloatVector v = FloatVector.broadcast(SPECIES, w[p]);
      c0 = v.fma(low, c0);
      d0 = v.fma(high, d0);
      v = FloatVector.broadcast(SPECIES, w[p + DEPTH]);
      c1 = v.fma(low, c1);
      d1 = v.fma(high, d1);
      v = FloatVector.broadcast(SPECIES, w[p + 2 * DEPTH]);
      c2 = v.fma(low, c2);
      d2 = v.fma(high, d2);
      v = FloatVector.broadcast(SPECIES, w[p + 3 * DEPTH]);
      c3 = v.fma(low, c3);
      d3 = v.fma(high, d3);
      v = FloatVector.broadcast(SPECIES, w[p + 4 * DEPTH]);
      c4 = v.fma(low, c4);
      d4 = v.fma(high, d4);
      v = FloatVector.broadcast(SPECIES, w[p + 5 * DEPTH]);
      c5 = v.fma(low, c5);
      d5 = v.fma(high, d5);
      v = FloatVector.broadcast(SPECIES, w[p + 6 * DEPTH]);
      c6 = v.fma(low, c6);
      d6 = v.fma(high, d6);
      v = FloatVector.broadcast(SPECIES, w[p + 7 * DEPTH]);
      c7 = v.fma(low, c7);
      d7 = v.fma(high, d7);
      v = FloatVector.broadcast(SPECIES, w[p + 8 * DEPTH]);
      c8 = v.fma(low, c8);
      d8 = v.fma(high, d8);
      v = FloatVector.broadcast(SPECIES, w[p + 9 * DEPTH]);
      c9 = v.fma(low, c9);
      d9 = v.fma(high, d9);
      v = FloatVector.broadcast(SPECIES, w[p + 10 * DEPTH]);
      c10 = v.fma(low, c10);
      d10 = v.fma(high, d10);
      v = FloatVector.broadcast(SPECIES, w[p + 11 * DEPTH]);
      c11 = v.fma(low, c11);
      d11 = v.fma(high, d11);
    }
    c0.intoArray(c, cAt);
    d0.intoArray(c, cAt + LENGTH);
    c1.intoArray(c, cAt + PANEL);
    d1.intoArray(c, cAt + PANEL + LENGTH);
    c2.intoArray(c, cAt + 2 * PANEL);
    d2.intoArray(c, cAt + 2 * PANEL + LENGTH);
    c3.intoArray(c, cAt + 3 * PANEL);
    d3.intoArray(c, cAt + 3 * PANEL + LENGTH);
    c4.intoArray(c, cAt + 4 * PANEL);
    d4.intoArray(c, cAt + 4 * PANEL + LENGTH);
    c5.intoArray(c, cAt + 5 * PANEL);
    d5.intoArray(c, cAt + 5 * PANEL + LENGTH);
    c6.intoArray(c, cAt + 6 * PANEL);
    d6.intoArray(c, cAt + 6 * PANEL + LENGTH);
    c7.intoArray(c, cAt + 7 * PANEL);
    d7.intoArray(c, cAt + 7 * PANEL + LENGTH);
    c8.intoArray(c, cAt + 8 * PANEL);
    d8.intoArray(c, cAt + 8 * PANEL + LENGTH);
    c9.intoArray(c, cAt + 9 * PANEL);
    d9.intoArray(c, cAt + 9 * PANEL + LENGTH);
    c10.intoArray(c, cAt + 10 * PANEL);
    d10.intoArray(c, cAt + 10 * PANEL + LENGTH);
    c11.intoArray(c, cAt + 11 * PANEL);
    d11.intoArray(c, cAt + 11 * PANEL + LENGTH);
  }

  private static void latents12x1(
      float[] w, float[] x, int xAt, int depth, boolean goOn, float[] c, int cAt) {
    FloatVector c0 = FloatVector.zero(SPECIES);
    FloatVector c1 = c0;
    FloatVector c2 = c0;
    FloatVector c3 = c0;
    FloatVector c4 = c0;
    FloatVector c5 = c0;
    FloatVector c6 = c0;
    FloatVector c7 = c0;
    FloatVector c8 = c0;
    FloatVector c9 = c0;
    FloatVector c10 = c0;
    FloatVector c11 = c0;
    if (goOn) {
      c0 = FloatVector.fromArray(SPECIES, c, cAt);
      c1 = FloatVector.fromArray(SPECIES, c, cAt + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * LENGTH);
      c4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * LENGTH);
      c5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * LENGTH);
      c6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * LENGTH);
      c7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * LENGTH);
      c8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * LENGTH);
      c9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * LENGTH);
      c10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * LENGTH);
      c11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * LENGTH);
    }
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, x, xAt + p * LENGTH);
      FloatVector v = FloatVector.broadcast(SPECIES, w[p]);
      c0 = v.fma(low, c0);
      v = FloatVector.broadcast(SPECIES, w[p + DEPTH]);
      c1 = v.fma(low, c1);
      v = FloatVector.broadcast(SPECIES, w[p + 2 * DEPTH]);
      c2 = v.fma(low, c2);
      v = FloatVector.broadcast(SPECIES, w[p + 3 * DEPTH]);
      c3 = v.fma(low, c3);
      v = FloatVector.broadcast(SPECIES, w[p + 4 * DEPTH]);
      c4 = v.fma(low, c4);
      v = FloatVector.broadcast(SPECIES, w[p + 5 * DEPTH]);
      c5 = v.fma(low, c5);
      v = FloatVector.broadcast(SPECIES, w[p + 6 * DEPTH]);
      c6 = v.fma(low, c6);
      v = FloatVector.broadcast(SPECIES, w[p + 7 * DEPTH]);
      c7 = v.fma(low, c7);
      v = FloatVector.broadcast(SPECIES, w[p + 8 * DEPTH]);
      c8 = v.fma(low, c8);
      v = FloatVector.broadcast(SPECIES, w[p + 9 * DEPTH]);
      c9 = v.fma(low, c9);
      v = FloatVector.broadcast(SPECIES, w[p + 10 * DEPTH]);
      c10 = v.fma(low, c10);
      v = FloatVector.broadcast(SPECIES, w[p + 11 * DEPTH]);
      c11 = v.fma(low, c11);
    }
    c0.intoArray(c, cAt);
    c1.intoArray(c, cAt + LENGTH);
    c2.intoArray(c, cAt + 2 * LENGTH);
    c3.intoArray(c, cAt + 3 * LENGTH);
    c4.intoArray(c, cAt + 4 * LENGTH);
    c5.intoArray(c, cAt + 5 * LENGTH);
    c6.intoArray(c, cAt + 6 * LENGTH);
    c7.intoArray(c, cAt + 7 * LENGTH);
    c8.intoArray(c, cAt + 8 * LENGTH);
    c9.intoArray(c, cAt + 9 * LENGTH);
    c10.intoArray(c, cAt + 10 * LENGTH);
    c11.intoArray(c, cAt + 11 * LENGTH);
  }

  private static void latents4x2(
      float[] w, float[] x, int xAt, int depth, boolean goOn, float[] c, int cAt) {
    FloatVector c0 = FloatVector.zero(SPECIES);
    FloatVector d0 = c0;
    FloatVector c1 = c0;
    FloatVector d1 = c0;
    FloatVector c2 = c0;
    FloatVector d2 = c0;
    FloatVector c3 = c0;
    FloatVector d3 = c0;
    if (goOn) {
      c0 = FloatVector.fromArray(SPECIES, c, cAt);
      d0 = FloatVector.fromArray(SPECIES, c, cAt + LENGTH);
      c1 = FloatVector.fromArray(SPECIES, c, cAt + PANEL);
      d1 = FloatVector.fromArray(SPECIES, c, cAt + PANEL + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL);
      d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL + LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL);
      d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL + LENGTH);
    }
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, x, xAt + p * PANEL);
      FloatVector high = FloatVector.fromArray(SPECIES, x, xAt + p * PANEL + LENGTH);
      FloatVector v = FloatVector.broadcast(SPECIES, w[p]);
      c0 = v.fma(low, c0);
      d0 = v.fma(high, d0);
      v = FloatVector.broadcast(SPECIES, w[p + DEPTH]);
      c1 = v.fma(low, c1);
      d1 = v.fma(high, d1);
      v = FloatVector.broadcast(SPECIES, w[p + 2 * DEPTH]);
      c2 = v.fma(low, c2);
      d2 = v.fma(high, d2);
      v = FloatVector.broadcast(SPECIES, w[p + 3 * DEPTH]);
      c3 = v.fma(low, c3);
      d3 = v.fma(high, d3);
    }
    c0.intoArray(c, cAt);
    d0.intoArray(c, cAt + LENGTH);
    c1.intoArray(c, cAt + PANEL);
    d1.intoArray(c, cAt + PANEL + LENGTH);
    c2.intoArray(c, cAt + 2 * PANEL);
    d2.intoArray(c, cAt + 2 * PANEL + LENGTH);
    c3.intoArray(c, cAt + 3 * PANEL);
    d3.intoArray(c, cAt + 3 * PANEL + LENGTH);
  }

  private static void latents4x1(
      float[] w, float[] x, int xAt, int depth, boolean goOn, float[] c, int cAt) {
    FloatVector c0 = FloatVector.zero(SPECIES);
    FloatVector c1 = c0;
    FloatVector c2 = c0;
    FloatVector c3 = c0;
    if (goOn) {
      c0 = FloatVector.fromArray(SPECIES, c, cAt);
      c1 = FloatVector.fromArray(SPECIES, c, cAt + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * LENGTH);
    }
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, x, xAt + p * LENGTH);
      FloatVector v = FloatVector.broadcast(SPECIES, w[p]);
      c0 = v.fma(low, c0);
      v = FloatVector.broadcast(SPECIES, w[p + DEPTH]);
      c1 = v.fma(low, c1);
      v = FloatVector.broadcast(SPECIES, w[p + 2 * DEPTH]);
      c2 = v.fma(low, c2);
      v = FloatVector.broadcast(SPECIES, w[p + 3 * DEPTH]);
      c3 = v.fma(low, c3);
    }
    c0.intoArray(c, cAt);
    c1.intoArray(c, cAt + LENGTH);
    c2.intoArray(c, cAt + 2 * LENGTH);
    c3.intoArray(c, cAt + 3 * LENGTH);
  }
}
