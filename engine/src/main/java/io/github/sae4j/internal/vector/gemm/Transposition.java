package io.github.sae4j.internal.vector.gemm;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Blocks of 16 columns of up to 16 rows, transposed in registers of 512 bits: a third of the time
 * that four rows at a time take. Each of four rounds interleaves row i with row i + 8, which
 * rotates the bits of (row, column) by one; after four they are swapped. Written out by hand,
 * because vectors stay in registers only as local variables.
 */
final class Transposition {
  /** Columns of a block. */
  static final int BLOCK = 16;

  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_512;

  private static final FloatVector LOW = pairs(0);
  private static final FloatVector HIGH = pairs(8);

  private Transposition() {}

  /** Which lanes of two vectors interleaving takes: first, first + 16, first + 1, … */
  private static FloatVector pairs(int first) {
    float[] lanes = new float[16];
    for (int i = 0; i < 16; i++) {
      lanes[i] = first + i / 2 + i % 2 * 16;
    }
    return FloatVector.fromArray(SPECIES, lanes, 0);
  }

  /**
   * Writes columns of 16 rows.
   *
   * @param rows the rows
   * @param from first float of the first row
   * @param stride floats from row to row
   * @param columns number of columns, a multiple of {@link #BLOCK}
   * @param width floats from column to column of the output
   * @param out receives 16 floats of each column
   * @param at first position in {@code out}
   */
  static void rows16(
      float[] rows, int from, int stride, int columns, int width, float[] out, int at) {
    for (int p = 0; p < columns; p += 16) {
      int a = from + p;
      FloatVector a0 = FloatVector.fromArray(SPECIES, rows, a);
      FloatVector a1 = FloatVector.fromArray(SPECIES, rows, a + stride);
      FloatVector a2 = FloatVector.fromArray(SPECIES, rows, a + 2 * stride);
      FloatVector a3 = FloatVector.fromArray(SPECIES, rows, a + 3 * stride);
      FloatVector a4 = FloatVector.fromArray(SPECIES, rows, a + 4 * stride);
      FloatVector a5 = FloatVector.fromArray(SPECIES, rows, a + 5 * stride);
      FloatVector a6 = FloatVector.fromArray(SPECIES, rows, a + 6 * stride);
      FloatVector a7 = FloatVector.fromArray(SPECIES, rows, a + 7 * stride);
      FloatVector a8 = FloatVector.fromArray(SPECIES, rows, a + 8 * stride);
      FloatVector a9 = FloatVector.fromArray(SPECIES, rows, a + 9 * stride);
      FloatVector a10 = FloatVector.fromArray(SPECIES, rows, a + 10 * stride);
      FloatVector a11 = FloatVector.fromArray(SPECIES, rows, a + 11 * stride);
      FloatVector a12 = FloatVector.fromArray(SPECIES, rows, a + 12 * stride);
      FloatVector a13 = FloatVector.fromArray(SPECIES, rows, a + 13 * stride);
      FloatVector a14 = FloatVector.fromArray(SPECIES, rows, a + 14 * stride);
      FloatVector a15 = FloatVector.fromArray(SPECIES, rows, a + 15 * stride);
      FloatVector b0 = LOW.selectFrom(a0, a8);
      FloatVector b1 = HIGH.selectFrom(a0, a8);
      FloatVector b2 = LOW.selectFrom(a1, a9);
      FloatVector b3 = HIGH.selectFrom(a1, a9);
      FloatVector b4 = LOW.selectFrom(a2, a10);
      FloatVector b5 = HIGH.selectFrom(a2, a10);
      FloatVector b6 = LOW.selectFrom(a3, a11);
      FloatVector b7 = HIGH.selectFrom(a3, a11);
      FloatVector b8 = LOW.selectFrom(a4, a12);
      FloatVector b9 = HIGH.selectFrom(a4, a12);
      FloatVector b10 = LOW.selectFrom(a5, a13);
      FloatVector b11 = HIGH.selectFrom(a5, a13);
      FloatVector b12 = LOW.selectFrom(a6, a14);
      FloatVector b13 = HIGH.selectFrom(a6, a14);
      FloatVector b14 = LOW.selectFrom(a7, a15);
      FloatVector b15 = HIGH.selectFrom(a7, a15);
      FloatVector c0 = LOW.selectFrom(b0, b8);
      FloatVector c1 = HIGH.selectFrom(b0, b8);
      FloatVector c2 = LOW.selectFrom(b1, b9);
      FloatVector c3 = HIGH.selectFrom(b1, b9);
      FloatVector c4 = LOW.selectFrom(b2, b10);
      FloatVector c5 = HIGH.selectFrom(b2, b10);
      FloatVector c6 = LOW.selectFrom(b3, b11);
      FloatVector c7 = HIGH.selectFrom(b3, b11);
      FloatVector c8 = LOW.selectFrom(b4, b12);
      FloatVector c9 = HIGH.selectFrom(b4, b12);
      FloatVector c10 = LOW.selectFrom(b5, b13);
      FloatVector c11 = HIGH.selectFrom(b5, b13);
      FloatVector c12 = LOW.selectFrom(b6, b14);
      FloatVector c13 = HIGH.selectFrom(b6, b14);
      FloatVector c14 = LOW.selectFrom(b7, b15);
      FloatVector c15 = HIGH.selectFrom(b7, b15);
      FloatVector d0 = LOW.selectFrom(c0, c8);
      FloatVector d1 = HIGH.selectFrom(c0, c8);
      FloatVector d2 = LOW.selectFrom(c1, c9);
      FloatVector d3 = HIGH.selectFrom(c1, c9);
      FloatVector d4 = LOW.selectFrom(c2, c10);
      FloatVector d5 = HIGH.selectFrom(c2, c10);
      FloatVector d6 = LOW.selectFrom(c3, c11);
      FloatVector d7 = HIGH.selectFrom(c3, c11);
      FloatVector d8 = LOW.selectFrom(c4, c12);
      FloatVector d9 = HIGH.selectFrom(c4, c12);
      FloatVector d10 = LOW.selectFrom(c5, c13);
      FloatVector d11 = HIGH.selectFrom(c5, c13);
      FloatVector d12 = LOW.selectFrom(c6, c14);
      FloatVector d13 = HIGH.selectFrom(c6, c14);
      FloatVector d14 = LOW.selectFrom(c7, c15);
      FloatVector d15 = HIGH.selectFrom(c7, c15);
      FloatVector e0 = LOW.selectFrom(d0, d8);
      FloatVector e1 = HIGH.selectFrom(d0, d8);
      FloatVector e2 = LOW.selectFrom(d1, d9);
      FloatVector e3 = HIGH.selectFrom(d1, d9);
      FloatVector e4 = LOW.selectFrom(d2, d10);
      FloatVector e5 = HIGH.selectFrom(d2, d10);
      FloatVector e6 = LOW.selectFrom(d3, d11);
      FloatVector e7 = HIGH.selectFrom(d3, d11);
      FloatVector e8 = LOW.selectFrom(d4, d12);
      FloatVector e9 = HIGH.selectFrom(d4, d12);
      FloatVector e10 = LOW.selectFrom(d5, d13);
      FloatVector e11 = HIGH.selectFrom(d5, d13);
      FloatVector e12 = LOW.selectFrom(d6, d14);
      FloatVector e13 = HIGH.selectFrom(d6, d14);
      FloatVector e14 = LOW.selectFrom(d7, d15);
      FloatVector e15 = HIGH.selectFrom(d7, d15);
      int to = at + p * width;
      e0.intoArray(out, to);
      e1.intoArray(out, to + width);
      e2.intoArray(out, to + 2 * width);
      e3.intoArray(out, to + 3 * width);
      e4.intoArray(out, to + 4 * width);
      e5.intoArray(out, to + 5 * width);
      e6.intoArray(out, to + 6 * width);
      e7.intoArray(out, to + 7 * width);
      e8.intoArray(out, to + 8 * width);
      e9.intoArray(out, to + 9 * width);
      e10.intoArray(out, to + 10 * width);
      e11.intoArray(out, to + 11 * width);
      e12.intoArray(out, to + 12 * width);
      e13.intoArray(out, to + 13 * width);
      e14.intoArray(out, to + 14 * width);
      e15.intoArray(out, to + 15 * width);
    }
  }

  /** The same for 12 rows. After each column the next four floats are overwritten, too. */
  static void rows12(
      float[] rows, int from, int stride, int columns, int width, float[] out, int at) {
    for (int p = 0; p < columns; p += 16) {
      int a = from + p;
      FloatVector a0 = FloatVector.fromArray(SPECIES, rows, a);
      FloatVector a1 = FloatVector.fromArray(SPECIES, rows, a + stride);
      FloatVector a2 = FloatVector.fromArray(SPECIES, rows, a + 2 * stride);
      FloatVector a3 = FloatVector.fromArray(SPECIES, rows, a + 3 * stride);
      FloatVector a4 = FloatVector.fromArray(SPECIES, rows, a + 4 * stride);
      FloatVector a5 = FloatVector.fromArray(SPECIES, rows, a + 5 * stride);
      FloatVector a6 = FloatVector.fromArray(SPECIES, rows, a + 6 * stride);
      FloatVector a7 = FloatVector.fromArray(SPECIES, rows, a + 7 * stride);
      FloatVector a8 = FloatVector.fromArray(SPECIES, rows, a + 8 * stride);
      FloatVector a9 = FloatVector.fromArray(SPECIES, rows, a + 9 * stride);
      FloatVector a10 = FloatVector.fromArray(SPECIES, rows, a + 10 * stride);
      FloatVector a11 = FloatVector.fromArray(SPECIES, rows, a + 11 * stride);
      FloatVector a12 = FloatVector.zero(SPECIES);
      FloatVector a13 = a12;
      FloatVector a14 = a12;
      FloatVector a15 = a12;
      FloatVector b0 = LOW.selectFrom(a0, a8);
      FloatVector b1 = HIGH.selectFrom(a0, a8);
      FloatVector b2 = LOW.selectFrom(a1, a9);
      FloatVector b3 = HIGH.selectFrom(a1, a9);
      FloatVector b4 = LOW.selectFrom(a2, a10);
      FloatVector b5 = HIGH.selectFrom(a2, a10);
      FloatVector b6 = LOW.selectFrom(a3, a11);
      FloatVector b7 = HIGH.selectFrom(a3, a11);
      FloatVector b8 = LOW.selectFrom(a4, a12);
      FloatVector b9 = HIGH.selectFrom(a4, a12);
      FloatVector b10 = LOW.selectFrom(a5, a13);
      FloatVector b11 = HIGH.selectFrom(a5, a13);
      FloatVector b12 = LOW.selectFrom(a6, a14);
      FloatVector b13 = HIGH.selectFrom(a6, a14);
      FloatVector b14 = LOW.selectFrom(a7, a15);
      FloatVector b15 = HIGH.selectFrom(a7, a15);
      FloatVector c0 = LOW.selectFrom(b0, b8);
      FloatVector c1 = HIGH.selectFrom(b0, b8);
      FloatVector c2 = LOW.selectFrom(b1, b9);
      FloatVector c3 = HIGH.selectFrom(b1, b9);
      FloatVector c4 = LOW.selectFrom(b2, b10);
      FloatVector c5 = HIGH.selectFrom(b2, b10);
      FloatVector c6 = LOW.selectFrom(b3, b11);
      FloatVector c7 = HIGH.selectFrom(b3, b11);
      FloatVector c8 = LOW.selectFrom(b4, b12);
      FloatVector c9 = HIGH.selectFrom(b4, b12);
      FloatVector c10 = LOW.selectFrom(b5, b13);
      FloatVector c11 = HIGH.selectFrom(b5, b13);
      FloatVector c12 = LOW.selectFrom(b6, b14);
      FloatVector c13 = HIGH.selectFrom(b6, b14);
      FloatVector c14 = LOW.selectFrom(b7, b15);
      FloatVector c15 = HIGH.selectFrom(b7, b15);
      FloatVector d0 = LOW.selectFrom(c0, c8);
      FloatVector d1 = HIGH.selectFrom(c0, c8);
      FloatVector d2 = LOW.selectFrom(c1, c9);
      FloatVector d3 = HIGH.selectFrom(c1, c9);
      FloatVector d4 = LOW.selectFrom(c2, c10);
      FloatVector d5 = HIGH.selectFrom(c2, c10);
      FloatVector d6 = LOW.selectFrom(c3, c11);
      FloatVector d7 = HIGH.selectFrom(c3, c11);
      FloatVector d8 = LOW.selectFrom(c4, c12);
      FloatVector d9 = HIGH.selectFrom(c4, c12);
      FloatVector d10 = LOW.selectFrom(c5, c13);
      FloatVector d11 = HIGH.selectFrom(c5, c13);
      FloatVector d12 = LOW.selectFrom(c6, c14);
      FloatVector d13 = HIGH.selectFrom(c6, c14);
      FloatVector d14 = LOW.selectFrom(c7, c15);
      FloatVector d15 = HIGH.selectFrom(c7, c15);
      FloatVector e0 = LOW.selectFrom(d0, d8);
      FloatVector e1 = HIGH.selectFrom(d0, d8);
      FloatVector e2 = LOW.selectFrom(d1, d9);
      FloatVector e3 = HIGH.selectFrom(d1, d9);
      FloatVector e4 = LOW.selectFrom(d2, d10);
      FloatVector e5 = HIGH.selectFrom(d2, d10);
      FloatVector e6 = LOW.selectFrom(d3, d11);
      FloatVector e7 = HIGH.selectFrom(d3, d11);
      FloatVector e8 = LOW.selectFrom(d4, d12);
      FloatVector e9 = HIGH.selectFrom(d4, d12);
      FloatVector e10 = LOW.selectFrom(d5, d13);
      FloatVector e11 = HIGH.selectFrom(d5, d13);
      FloatVector e12 = LOW.selectFrom(d6, d14);
      FloatVector e13 = HIGH.selectFrom(d6, d14);
      FloatVector e14 = LOW.selectFrom(d7, d15);
      FloatVector e15 = HIGH.selectFrom(d7, d15);
      int to = at + p * width;
      e0.intoArray(out, to);
      e1.intoArray(out, to + width);
      e2.intoArray(out, to + 2 * width);
      e3.intoArray(out, to + 3 * width);
      e4.intoArray(out, to + 4 * width);
      e5.intoArray(out, to + 5 * width);
      e6.intoArray(out, to + 6 * width);
      e7.intoArray(out, to + 7 * width);
      e8.intoArray(out, to + 8 * width);
      e9.intoArray(out, to + 9 * width);
      e10.intoArray(out, to + 10 * width);
      e11.intoArray(out, to + 11 * width);
      e12.intoArray(out, to + 12 * width);
      e13.intoArray(out, to + 13 * width);
      e14.intoArray(out, to + 14 * width);
      e15.intoArray(out, to + 15 * width);
    }
  }
}
