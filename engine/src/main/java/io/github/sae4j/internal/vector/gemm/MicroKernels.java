package io.github.sae4j.internal.vector.gemm;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import jdk.incubator.vector.FloatVector;

/**
 * The register tiles: outer products on packed heap panels. One accumulator lane is one element of
 * the result, and the inner index ascends, so every element is one fma chain (numerics rule 1)
 * whatever the tile's shape or the vector's width.
 *
 * <p>Operands: {@code a} packed as {@code [depth][TILE]}, {@code b} as {@code [depth][PANEL]}, the
 * tile in {@code c} as TILE runs of PANEL floats, {@code cStride} apart, all of which are written,
 * even those beyond a result's edge. The chain may continue from the content of {@code c}, so a
 * long inner index may be cut into blocks without changing the bits.
 *
 * <p>Written out by hand, one method per shape: C2 keeps the accumulators in registers only if they
 * are local variables of a small method.
 */
public final class MicroKernels {
  private MicroKernels() {}

  /**
   * {@code c = aᵀ b}, or {@code c += aᵀ b}, for one tile.
   *
   * @param a packed rows
   * @param aAt first float of the packed rows
   * @param b packed panel
   * @param bAt first float of the panel
   * @param depth length of the inner index
   * @param goOn whether the chains continue from the content of {@code c}; otherwise they start
   *     from +0
   * @param c holds the tile
   * @param cAt its first float
   * @param cStride floats from row to row
   */
  public static void multiply(
      float[] a,
      int aAt,
      float[] b,
      int bAt,
      int depth,
      boolean goOn,
      float[] c,
      int cAt,
      int cStride) {
    if (TILE == 12) {
      rows12(a, aAt, b, bAt, depth, goOn, c, cAt, cStride);
    } else {
      rows4(a, aAt, b, bAt, depth, goOn, c, cAt, cStride);
    }
  }

  /** 12 rows x 2 vectors: 24 accumulators. */
  private static void rows12(
      float[] a,
      int aAt,
      float[] b,
      int bAt,
      int depth,
      boolean goOn,
      float[] c,
      int cAt,
      int cStride) {
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
      c1 = FloatVector.fromArray(SPECIES, c, cAt + cStride);
      d1 = FloatVector.fromArray(SPECIES, c, cAt + cStride + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * cStride);
      d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * cStride + LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * cStride);
      d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * cStride + LENGTH);
      c4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * cStride);
      d4 = FloatVector.fromArray(SPECIES, c, cAt + 4 * cStride + LENGTH);
      c5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * cStride);
      d5 = FloatVector.fromArray(SPECIES, c, cAt + 5 * cStride + LENGTH);
      c6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * cStride);
      d6 = FloatVector.fromArray(SPECIES, c, cAt + 6 * cStride + LENGTH);
      c7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * cStride);
      d7 = FloatVector.fromArray(SPECIES, c, cAt + 7 * cStride + LENGTH);
      c8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * cStride);
      d8 = FloatVector.fromArray(SPECIES, c, cAt + 8 * cStride + LENGTH);
      c9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * cStride);
      d9 = FloatVector.fromArray(SPECIES, c, cAt + 9 * cStride + LENGTH);
      c10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * cStride);
      d10 = FloatVector.fromArray(SPECIES, c, cAt + 10 * cStride + LENGTH);
      c11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * cStride);
      d11 = FloatVector.fromArray(SPECIES, c, cAt + 11 * cStride + LENGTH);
    }
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
    c0.intoArray(c, cAt);
    d0.intoArray(c, cAt + LENGTH);
    c1.intoArray(c, cAt + cStride);
    d1.intoArray(c, cAt + cStride + LENGTH);
    c2.intoArray(c, cAt + 2 * cStride);
    d2.intoArray(c, cAt + 2 * cStride + LENGTH);
    c3.intoArray(c, cAt + 3 * cStride);
    d3.intoArray(c, cAt + 3 * cStride + LENGTH);
    c4.intoArray(c, cAt + 4 * cStride);
    d4.intoArray(c, cAt + 4 * cStride + LENGTH);
    c5.intoArray(c, cAt + 5 * cStride);
    d5.intoArray(c, cAt + 5 * cStride + LENGTH);
    c6.intoArray(c, cAt + 6 * cStride);
    d6.intoArray(c, cAt + 6 * cStride + LENGTH);
    c7.intoArray(c, cAt + 7 * cStride);
    d7.intoArray(c, cAt + 7 * cStride + LENGTH);
    c8.intoArray(c, cAt + 8 * cStride);
    d8.intoArray(c, cAt + 8 * cStride + LENGTH);
    c9.intoArray(c, cAt + 9 * cStride);
    d9.intoArray(c, cAt + 9 * cStride + LENGTH);
    c10.intoArray(c, cAt + 10 * cStride);
    d10.intoArray(c, cAt + 10 * cStride + LENGTH);
    c11.intoArray(c, cAt + 11 * cStride);
    d11.intoArray(c, cAt + 11 * cStride + LENGTH);
  }

  /** 4 rows x 2 vectors: 8 accumulators. */
  private static void rows4(
      float[] a,
      int aAt,
      float[] b,
      int bAt,
      int depth,
      boolean goOn,
      float[] c,
      int cAt,
      int cStride) {
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
      c1 = FloatVector.fromArray(SPECIES, c, cAt + cStride);
      d1 = FloatVector.fromArray(SPECIES, c, cAt + cStride + LENGTH);
      c2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * cStride);
      d2 = FloatVector.fromArray(SPECIES, c, cAt + 2 * cStride + LENGTH);
      c3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * cStride);
      d3 = FloatVector.fromArray(SPECIES, c, cAt + 3 * cStride + LENGTH);
    }
    for (int p = 0; p < depth; p++) {
      FloatVector low = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL);
      FloatVector high = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL + LENGTH);
      int at = aAt + p * 4;
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
    }
    c0.intoArray(c, cAt);
    d0.intoArray(c, cAt + LENGTH);
    c1.intoArray(c, cAt + cStride);
    d1.intoArray(c, cAt + cStride + LENGTH);
    c2.intoArray(c, cAt + 2 * cStride);
    d2.intoArray(c, cAt + 2 * cStride + LENGTH);
    c3.intoArray(c, cAt + 3 * cStride);
    d3.intoArray(c, cAt + 3 * cStride + LENGTH);
  }
}
