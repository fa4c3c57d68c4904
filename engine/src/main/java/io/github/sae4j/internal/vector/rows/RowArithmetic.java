package io.github.sae4j.internal.vector.rows;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PARTS;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.runtime.Vectors;
import jdk.incubator.vector.FloatVector;

/**
 * Kernels on rows in heap scratch. A row occupies {@link Vectors#padded} floats, those beyond its
 * width being zero, so there are no tails.
 */
public final class RowArithmetic {
  /** Scratch of a block of dot products. */
  public static final int LANE_FLOATS = 16 * LENGTH;

  private RowArithmetic() {}

  /** Row dot product by lanes (numerics rule 2). */
  public static float dot(float[] a, int aAt, float[] b, int bAt, int padded) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int j = 0; j < padded; j += 16) {
      s0 = load(a, aAt + j).fma(load(b, bAt + j), s0);
      if (PARTS > 1) {
        s1 = load(a, aAt + j + LENGTH).fma(load(b, bAt + j + LENGTH), s1);
      }
      if (PARTS > 2) {
        s2 = load(a, aAt + j + 2 * LENGTH).fma(load(b, bAt + j + 2 * LENGTH), s2);
        s3 = load(a, aAt + j + 3 * LENGTH).fma(load(b, bAt + j + 3 * LENGTH), s3);
      }
    }
    return Vectors.join(s0, s1, s2, s3);
  }

  /**
   * Dot products of one row with several, four at a time to hide the latency of fma.
   *
   * @param g the one row
   * @param gAt its first float
   * @param rows the others, {@code padded} floats apart
   * @param rowsAt first float of the first
   * @param count how many
   * @param padded padded width
   * @param out receives {@code count} sums
   * @param at first position in {@code out}
   */
  public static void dots(
      float[] g, int gAt, float[] rows, int rowsAt, int count, int padded, float[] out, int at) {
    int r = 0;
    if (PARTS == 1) {
      for (; r + 4 <= count; r += 4) {
        dots4(g, gAt, rows, rowsAt + r * padded, padded, out, at + r);
      }
    } else if (PARTS == 2) {
      for (; r + 2 <= count; r += 2) {
        dots2(g, gAt, rows, rowsAt + r * padded, padded, out, at + r);
      }
    }
    for (; r < count; r++) {
      out[at + r] = dot(g, gAt, rows, rowsAt + r * padded, padded);
    }
  }

  /**
   * Dot products of one row with several that lie anywhere, four at a time.
   *
   * @param g the one row
   * @param gAt its first float
   * @param rows holds the others
   * @param rowAt first float of each of the others
   * @param firstRow that of the first
   * @param count how many
   * @param padded padded width
   * @param out receives {@code count} sums
   * @param at first position in {@code out}
   */
  public static void dots(
      float[] g,
      int gAt,
      float[] rows,
      int[] rowAt,
      int firstRow,
      int count,
      int padded,
      float[] out,
      int at) {
    int r = 0;
    if (PARTS == 1) {
      for (; r + 4 <= count; r += 4) {
        int row = firstRow + r;
        dotsAt4(
            g,
            gAt,
            rows,
            rowAt[row],
            rowAt[row + 1],
            rowAt[row + 2],
            rowAt[row + 3],
            padded,
            out,
            at + r);
      }
    }
    for (; r < count; r++) {
      out[at + r] = dot(g, gAt, rows, rowAt[firstRow + r], padded);
    }
  }

  private static void dotsAt4(
      float[] g,
      int gAt,
      float[] rows,
      int at0,
      int at1,
      int at2,
      int at3,
      int padded,
      float[] out,
      int at) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int j = 0; j < padded; j += 16) {
      FloatVector x = load(g, gAt + j);
      s0 = x.fma(load(rows, at0 + j), s0);
      s1 = x.fma(load(rows, at1 + j), s1);
      s2 = x.fma(load(rows, at2 + j), s2);
      s3 = x.fma(load(rows, at3 + j), s3);
    }
    out[at] = Vectors.join(s0, s0, s0, s0);
    out[at + 1] = Vectors.join(s1, s1, s1, s1);
    out[at + 2] = Vectors.join(s2, s2, s2, s2);
    out[at + 3] = Vectors.join(s3, s3, s3, s3);
  }

  /**
   * Dot products of several rows with several others.
   *
   * @param a the left rows, {@code padded} floats apart
   * @param aAt first float of the first
   * @param aCount how many
   * @param rows the right rows, {@code padded} floats apart, from position 0
   * @param count how many
   * @param padded padded width
   * @param lanes scratch of {@link #LANE_FLOATS}
   * @param out receives {@code [aCount, count]} sums
   * @param stride floats from row to row of {@code out}
   */
  public static void dots(
      float[] a,
      int aAt,
      int aCount,
      float[] rows,
      int count,
      int padded,
      float[] lanes,
      float[] out,
      int stride) {
    int i = 0;
    if (PARTS == 1) {
      for (; i + 4 <= aCount; i += 4) {
        int r = 0;
        for (; r + 4 <= count; r += 4) {
          dots4x4(a, aAt + i * padded, rows, r * padded, padded, lanes);
          joinAll(lanes, out, i * stride + r, stride);
        }
        for (; r < count; r++) {
          for (int k = i; k < i + 4; k++) {
            out[k * stride + r] = dot(a, aAt + k * padded, rows, r * padded, padded);
          }
        }
      }
    }
    for (; i < aCount; i++) {
      dots(a, aAt + i * padded, rows, 0, count, padded, out, i * stride);
    }
  }

  // Joined in a separate method: with the joins inlined here, C2 no longer keeps the sums in
  // registers.
  private static void dots4x4(float[] a, int aAt, float[] b, int bAt, int padded, float[] lanes) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    for (int j = 0; j < padded; j += 16) {
      int p = aAt + j;
      int q = bAt + j;
      FloatVector b0 = load(b, q);
      FloatVector b1 = load(b, q + padded);
      FloatVector b2 = load(b, q + 2 * padded);
      FloatVector b3 = load(b, q + 3 * padded);
      FloatVector x = load(a, p);
      s00 = x.fma(b0, s00);
      s01 = x.fma(b1, s01);
      s02 = x.fma(b2, s02);
      s03 = x.fma(b3, s03);
      x = load(a, p + padded);
      s10 = x.fma(b0, s10);
      s11 = x.fma(b1, s11);
      s12 = x.fma(b2, s12);
      s13 = x.fma(b3, s13);
      x = load(a, p + 2 * padded);
      s20 = x.fma(b0, s20);
      s21 = x.fma(b1, s21);
      s22 = x.fma(b2, s22);
      s23 = x.fma(b3, s23);
      x = load(a, p + 3 * padded);
      s30 = x.fma(b0, s30);
      s31 = x.fma(b1, s31);
      s32 = x.fma(b2, s32);
      s33 = x.fma(b3, s33);
    }
    s00.intoArray(lanes, 0);
    s01.intoArray(lanes, LENGTH);
    s02.intoArray(lanes, 2 * LENGTH);
    s03.intoArray(lanes, 3 * LENGTH);
    s10.intoArray(lanes, 4 * LENGTH);
    s11.intoArray(lanes, 5 * LENGTH);
    s12.intoArray(lanes, 6 * LENGTH);
    s13.intoArray(lanes, 7 * LENGTH);
    s20.intoArray(lanes, 8 * LENGTH);
    s21.intoArray(lanes, 9 * LENGTH);
    s22.intoArray(lanes, 10 * LENGTH);
    s23.intoArray(lanes, 11 * LENGTH);
    s30.intoArray(lanes, 12 * LENGTH);
    s31.intoArray(lanes, 13 * LENGTH);
    s32.intoArray(lanes, 14 * LENGTH);
    s33.intoArray(lanes, 15 * LENGTH);
  }

  /** Joins the lanes of a 4 x 4 block of dot products. */
  private static void joinAll(float[] lanes, float[] out, int at, int stride) {
    for (int i = 0; i < 4; i++) {
      for (int r = 0; r < 4; r++) {
        FloatVector s = load(lanes, (4 * i + r) * LENGTH);
        out[at + i * stride + r] = Vectors.join(s, s, s, s);
      }
    }
  }

  private static void dots4(
      float[] g, int gAt, float[] rows, int rowsAt, int padded, float[] out, int at) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int j = 0; j < padded; j += 16) {
      FloatVector x = load(g, gAt + j);
      int row = rowsAt + j;
      s0 = x.fma(load(rows, row), s0);
      s1 = x.fma(load(rows, row + padded), s1);
      s2 = x.fma(load(rows, row + 2 * padded), s2);
      s3 = x.fma(load(rows, row + 3 * padded), s3);
    }
    out[at] = Vectors.join(s0, s0, s0, s0);
    out[at + 1] = Vectors.join(s1, s1, s1, s1);
    out[at + 2] = Vectors.join(s2, s2, s2, s2);
    out[at + 3] = Vectors.join(s3, s3, s3, s3);
  }

  private static void dots2(
      float[] g, int gAt, float[] rows, int rowsAt, int padded, float[] out, int at) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector t0 = s0;
    FloatVector t1 = s0;
    for (int j = 0; j < padded; j += 16) {
      FloatVector low = load(g, gAt + j);
      FloatVector high = load(g, gAt + j + LENGTH);
      int row = rowsAt + j;
      s0 = low.fma(load(rows, row), s0);
      s1 = high.fma(load(rows, row + LENGTH), s1);
      t0 = low.fma(load(rows, row + padded), t0);
      t1 = high.fma(load(rows, row + padded + LENGTH), t1);
    }
    out[at] = Vectors.join(s0, s1, s0, s0);
    out[at + 1] = Vectors.join(t0, t1, t0, t0);
  }

  /**
   * Weighted sum of rows: per column one chain over the given rows in their order, continuing from
   * the content of {@code out} (numerics rules 3 and 4).
   *
   * @param weights one weight per row
   * @param firstWeight the first weight
   * @param rowAt first float of each row in {@code rows}
   * @param firstRow that of the first row
   * @param count number of rows
   * @param rows the rows
   * @param padded padded width
   * @param out the sums, updated
   * @param at first position in {@code out}
   */
  public static void combine(
      float[] weights,
      int firstWeight,
      int[] rowAt,
      int firstRow,
      int count,
      float[] rows,
      int padded,
      float[] out,
      int at) {
    int column = 0;
    if (Vectors.TILE == 12) {
      for (; column + 16 * LENGTH <= padded; column += 16 * LENGTH) {
        combine16(weights, firstWeight, rowAt, firstRow, count, rows, column, out, at + column);
      }
    }
    for (; column + 8 * LENGTH <= padded; column += 8 * LENGTH) {
      combine8(weights, firstWeight, rowAt, firstRow, count, rows, column, out, at + column);
    }
    for (; column < padded; column += LENGTH) {
      FloatVector s = load(out, at + column);
      for (int r = 0; r < count; r++) {
        FloatVector row = load(rows, rowAt[firstRow + r] + column);
        s = FloatVector.broadcast(SPECIES, weights[firstWeight + r]).fma(row, s);
      }
      s.intoArray(out, at + column);
    }
  }

  // Runs of 16 vectors where registers allow: rows are read from L3, and longer runs load better.
  private static void combine16(
      float[] weights,
      int firstWeight,
      int[] rowAt,
      int firstRow,
      int count,
      float[] rows,
      int column,
      float[] out,
      int at) {
    FloatVector s0 = load(out, at);
    FloatVector s1 = load(out, at + LENGTH);
    FloatVector s2 = load(out, at + 2 * LENGTH);
    FloatVector s3 = load(out, at + 3 * LENGTH);
    FloatVector s4 = load(out, at + 4 * LENGTH);
    FloatVector s5 = load(out, at + 5 * LENGTH);
    FloatVector s6 = load(out, at + 6 * LENGTH);
    FloatVector s7 = load(out, at + 7 * LENGTH);
    FloatVector s8 = load(out, at + 8 * LENGTH);
    FloatVector s9 = load(out, at + 9 * LENGTH);
    FloatVector s10 = load(out, at + 10 * LENGTH);
    FloatVector s11 = load(out, at + 11 * LENGTH);
    FloatVector s12 = load(out, at + 12 * LENGTH);
    FloatVector s13 = load(out, at + 13 * LENGTH);
    FloatVector s14 = load(out, at + 14 * LENGTH);
    FloatVector s15 = load(out, at + 15 * LENGTH);
    for (int r = 0; r < count; r++) {
      FloatVector w = FloatVector.broadcast(SPECIES, weights[firstWeight + r]);
      int row = rowAt[firstRow + r] + column;
      s0 = w.fma(load(rows, row), s0);
      s1 = w.fma(load(rows, row + LENGTH), s1);
      s2 = w.fma(load(rows, row + 2 * LENGTH), s2);
      s3 = w.fma(load(rows, row + 3 * LENGTH), s3);
      s4 = w.fma(load(rows, row + 4 * LENGTH), s4);
      s5 = w.fma(load(rows, row + 5 * LENGTH), s5);
      s6 = w.fma(load(rows, row + 6 * LENGTH), s6);
      s7 = w.fma(load(rows, row + 7 * LENGTH), s7);
      s8 = w.fma(load(rows, row + 8 * LENGTH), s8);
      s9 = w.fma(load(rows, row + 9 * LENGTH), s9);
      s10 = w.fma(load(rows, row + 10 * LENGTH), s10);
      s11 = w.fma(load(rows, row + 11 * LENGTH), s11);
      s12 = w.fma(load(rows, row + 12 * LENGTH), s12);
      s13 = w.fma(load(rows, row + 13 * LENGTH), s13);
      s14 = w.fma(load(rows, row + 14 * LENGTH), s14);
      s15 = w.fma(load(rows, row + 15 * LENGTH), s15);
    }
    s0.intoArray(out, at);
    s1.intoArray(out, at + LENGTH);
    s2.intoArray(out, at + 2 * LENGTH);
    s3.intoArray(out, at + 3 * LENGTH);
    s4.intoArray(out, at + 4 * LENGTH);
    s5.intoArray(out, at + 5 * LENGTH);
    s6.intoArray(out, at + 6 * LENGTH);
    s7.intoArray(out, at + 7 * LENGTH);
    s8.intoArray(out, at + 8 * LENGTH);
    s9.intoArray(out, at + 9 * LENGTH);
    s10.intoArray(out, at + 10 * LENGTH);
    s11.intoArray(out, at + 11 * LENGTH);
    s12.intoArray(out, at + 12 * LENGTH);
    s13.intoArray(out, at + 13 * LENGTH);
    s14.intoArray(out, at + 14 * LENGTH);
    s15.intoArray(out, at + 15 * LENGTH);
  }

  private static void combine8(
      float[] weights,
      int firstWeight,
      int[] rowAt,
      int firstRow,
      int count,
      float[] rows,
      int column,
      float[] out,
      int at) {
    FloatVector s0 = load(out, at);
    FloatVector s1 = load(out, at + LENGTH);
    FloatVector s2 = load(out, at + 2 * LENGTH);
    FloatVector s3 = load(out, at + 3 * LENGTH);
    FloatVector s4 = load(out, at + 4 * LENGTH);
    FloatVector s5 = load(out, at + 5 * LENGTH);
    FloatVector s6 = load(out, at + 6 * LENGTH);
    FloatVector s7 = load(out, at + 7 * LENGTH);
    for (int r = 0; r < count; r++) {
      FloatVector w = FloatVector.broadcast(SPECIES, weights[firstWeight + r]);
      int row = rowAt[firstRow + r] + column;
      s0 = w.fma(load(rows, row), s0);
      s1 = w.fma(load(rows, row + LENGTH), s1);
      s2 = w.fma(load(rows, row + 2 * LENGTH), s2);
      s3 = w.fma(load(rows, row + 3 * LENGTH), s3);
      s4 = w.fma(load(rows, row + 4 * LENGTH), s4);
      s5 = w.fma(load(rows, row + 5 * LENGTH), s5);
      s6 = w.fma(load(rows, row + 6 * LENGTH), s6);
      s7 = w.fma(load(rows, row + 7 * LENGTH), s7);
    }
    s0.intoArray(out, at);
    s1.intoArray(out, at + LENGTH);
    s2.intoArray(out, at + 2 * LENGTH);
    s3.intoArray(out, at + 3 * LENGTH);
    s4.intoArray(out, at + 4 * LENGTH);
    s5.intoArray(out, at + 5 * LENGTH);
    s6.intoArray(out, at + 6 * LENGTH);
    s7.intoArray(out, at + 7 * LENGTH);
  }

  /** {@code target += addend}, one rounding each. */
  public static void add(float[] target, int at, float[] addend, int addendAt, int padded) {
    for (int j = 0; j < padded; j += LENGTH) {
      load(target, at + j).add(load(addend, addendAt + j)).intoArray(target, at + j);
    }
  }

  /** {@code out = a − b}, one rounding each. */
  public static void subtract(
      float[] a, int aAt, float[] b, int bAt, float[] out, int at, int padded) {
    for (int j = 0; j < padded; j += LENGTH) {
      load(a, aAt + j).sub(load(b, bAt + j)).intoArray(out, at + j);
    }
  }

  /** {@code out = a · factor}, one rounding each. */
  public static void scale(float[] a, int aAt, float factor, float[] out, int at, int padded) {
    for (int j = 0; j < padded; j += LENGTH) {
      load(a, aAt + j).mul(factor).intoArray(out, at + j);
    }
  }

  /** {@code a ← fma(a, factor, shift)}. */
  public static void affine(float[] a, int at, float factor, float shift, int width) {
    // Only up to the width: the padding must stay zero.
    for (int j = 0; j < width; j++) {
      a[at + j] = Math.fma(a[at + j], factor, shift);
    }
  }

  /** Norm of a row: root of the squared norm by lanes. */
  public static float norm(float[] a, int at, int padded) {
    return (float) Math.sqrt(dot(a, at, a, at, padded));
  }

  /** Divides a row by norm + epsilon; unchanged if that is 0. */
  public static void normalize(float[] w, int at, float epsilon, int padded) {
    float divisor = norm(w, at, padded) + epsilon;
    if (divisor > 0) {
      for (int j = 0; j < padded; j += LENGTH) {
        load(w, at + j).div(divisor).intoArray(w, at + j);
      }
    }
  }

  /** {@code g ← fma(u, −⟨g, u⟩, g)}. */
  public static void project(float[] g, int gAt, float[] unit, int unitAt, int padded) {
    FloatVector negated = FloatVector.broadcast(SPECIES, -dot(g, gAt, unit, unitAt, padded));
    for (int j = 0; j < padded; j += LENGTH) {
      load(unit, unitAt + j).fma(negated, load(g, gAt + j)).intoArray(g, gAt + j);
    }
  }

  private static FloatVector load(float[] a, int at) {
    return FloatVector.fromArray(SPECIES, a, at);
  }
}
