package io.github.sae4j.device.vector;

import static io.github.sae4j.device.vector.Vectors.LENGTH;
import static io.github.sae4j.device.vector.Vectors.PANEL;
import static io.github.sae4j.device.vector.Vectors.SPECIES;
import static io.github.sae4j.device.vector.Vectors.TILE;

import jdk.incubator.vector.FloatVector;

/**
 * The register tiles: outer products on packed heap panels. One accumulator lane is one element of
 * the result, and the inner index ascends, so every element is one fma chain (numerics rule 1)
 * whatever the tile's shape or the vector's width.
 *
 * <p>Operands: {@code a} packed as {@code [depth][TILE]}, {@code b} as {@code [depth][PANEL]}, the
 * tile {@code c} as {@code [TILE][PANEL]}. The chain goes on from what {@code c} holds, so a long
 * inner index may be cut into blocks without a change of bits.
 *
 * <p>Written out by hand, one method per shape: C2 keeps the accumulators in registers only if they
 * are local variables of a small method.
 */
final class Tiles {
  private Tiles() {}

  /**
   * {@code c += aᵀ b} for one tile.
   *
   * @param a packed rows
   * @param aAt first float of the packed rows
   * @param b packed panel
   * @param bAt first float of the panel
   * @param depth length of the inner index
   * @param c the tile
   * @param cAt first float of the tile
   */
  static void multiply(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
    if (TILE == 12) {
      rows12(a, aAt, b, bAt, depth, c, cAt);
    } else {
      rows5(a, aAt, b, bAt, depth, c, cAt);
    }
  }

  /** 12 rows x 2 vectors: 24 accumulators. */
  private static void rows12(
      float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
    FloatVector c0 = FloatVector.fromArray(SPECIES, c, cAt + 0 * PANEL);
    FloatVector d0 = FloatVector.fromArray(SPECIES, c, cAt + 0 * PANEL + LENGTH);
    FloatVector c1 = FloatVector.fromArray(SPECIES, c, cAt + 1 * PANEL);
    FloatVector d1 = FloatVector.fromArray(SPECIES, c, cAt + 1 * PANEL + LENGTH);
    FloatVector c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL);
    FloatVector d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL + LENGTH);
    FloatVector c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL);
    FloatVector d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL + LENGTH);
    FloatVector c4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL);
    FloatVector d4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL + LENGTH);
    FloatVector c5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * PANEL);
    FloatVector d5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * PANEL + LENGTH);
    FloatVector c6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * PANEL);
    FloatVector d6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * PANEL + LENGTH);
    FloatVector c7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * PANEL);
    FloatVector d7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * PANEL + LENGTH);
    FloatVector c8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * PANEL);
    FloatVector d8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * PANEL + LENGTH);
    FloatVector c9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * PANEL);
    FloatVector d9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * PANEL + LENGTH);
    FloatVector c10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * PANEL);
    FloatVector d10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * PANEL + LENGTH);
    FloatVector c11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * PANEL);
    FloatVector d11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * PANEL + LENGTH);
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL);
      FloatVector high = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL + LENGTH);
      int at = aAt + p * 12;
      FloatVector x = FloatVector.broadcast(SPECIES, a[at]);
      c0 = x.fma(low, c0);
      d0 = x.fma(high, d0);
      x = FloatVector.broadcast(SPECIES, a[at + 1]);
      c1 = x.fma(low, c1);
      d1 = x.fma(high, d1);
      x = FloatVector.broadcast(SPECIES, a[at + 2]);
      c2 = x.fma(low, c2);
      d2 = x.fma(high, d2);
      x = FloatVector.broadcast(SPECIES, a[at + 3]);
      c3 = x.fma(low, c3);
      d3 = x.fma(high, d3);
      x = FloatVector.broadcast(SPECIES, a[at + 4]);
      c4 = x.fma(low, c4);
      d4 = x.fma(high, d4);
      x = FloatVector.broadcast(SPECIES, a[at + 5]);
      c5 = x.fma(low, c5);
      d5 = x.fma(high, d5);
      x = FloatVector.broadcast(SPECIES, a[at + 6]);
      c6 = x.fma(low, c6);
      d6 = x.fma(high, d6);
      x = FloatVector.broadcast(SPECIES, a[at + 7]);
      c7 = x.fma(low, c7);
      d7 = x.fma(high, d7);
      x = FloatVector.broadcast(SPECIES, a[at + 8]);
      c8 = x.fma(low, c8);
      d8 = x.fma(high, d8);
      x = FloatVector.broadcast(SPECIES, a[at + 9]);
      c9 = x.fma(low, c9);
      d9 = x.fma(high, d9);
      x = FloatVector.broadcast(SPECIES, a[at + 10]);
      c10 = x.fma(low, c10);
      d10 = x.fma(high, d10);
      x = FloatVector.broadcast(SPECIES, a[at + 11]);
      c11 = x.fma(low, c11);
      d11 = x.fma(high, d11);
    }
    c0.intoArray(c, cAt + 0 * PANEL);
    d0.intoArray(c, cAt + 0 * PANEL + LENGTH);
    c1.intoArray(c, cAt + 1 * PANEL);
    d1.intoArray(c, cAt + 1 * PANEL + LENGTH);
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

  /** 5 rows x 2 vectors: 10 accumulators. */
  private static void rows5(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
    FloatVector c0 = FloatVector.fromArray(SPECIES, c, cAt + 0 * PANEL);
    FloatVector d0 = FloatVector.fromArray(SPECIES, c, cAt + 0 * PANEL + LENGTH);
    FloatVector c1 = FloatVector.fromArray(SPECIES, c, cAt + 1 * PANEL);
    FloatVector d1 = FloatVector.fromArray(SPECIES, c, cAt + 1 * PANEL + LENGTH);
    FloatVector c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL);
    FloatVector d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * PANEL + LENGTH);
    FloatVector c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL);
    FloatVector d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * PANEL + LENGTH);
    FloatVector c4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL);
    FloatVector d4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * PANEL + LENGTH);
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL);
      FloatVector high = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL + LENGTH);
      int at = aAt + p * 5;
      FloatVector x = FloatVector.broadcast(SPECIES, a[at]);
      c0 = x.fma(low, c0);
      d0 = x.fma(high, d0);
      x = FloatVector.broadcast(SPECIES, a[at + 1]);
      c1 = x.fma(low, c1);
      d1 = x.fma(high, d1);
      x = FloatVector.broadcast(SPECIES, a[at + 2]);
      c2 = x.fma(low, c2);
      d2 = x.fma(high, d2);
      x = FloatVector.broadcast(SPECIES, a[at + 3]);
      c3 = x.fma(low, c3);
      d3 = x.fma(high, d3);
      x = FloatVector.broadcast(SPECIES, a[at + 4]);
      c4 = x.fma(low, c4);
      d4 = x.fma(high, d4);
    }
    c0.intoArray(c, cAt + 0 * PANEL);
    d0.intoArray(c, cAt + 0 * PANEL + LENGTH);
    c1.intoArray(c, cAt + 1 * PANEL);
    d1.intoArray(c, cAt + 1 * PANEL + LENGTH);
    c2.intoArray(c, cAt + 2 * PANEL);
    d2.intoArray(c, cAt + 2 * PANEL + LENGTH);
    c3.intoArray(c, cAt + 3 * PANEL);
    d3.intoArray(c, cAt + 3 * PANEL + LENGTH);
    c4.intoArray(c, cAt + 4 * PANEL);
    d4.intoArray(c, cAt + 4 * PANEL + LENGTH);
  }
}
