package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of rows with a panel of a {@link ReducedCopy}. They need not be those of numerics rule
 * 1, only within the copy's bound of them, so a single row has an accumulator for each element of a
 * group: one chain along d_in would wait for its own sums.
 *
 * <p>Written out by hand, one method per shape, for the reasons of {@code gemm.MicroKernels}.
 */
final class ScanKernels {
  /** Rows of the largest tile: accumulators, operands and a broadcast must fit the registers. */
  static final int MOST_ROWS = TILE >= 8 ? 8 : 4;

  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());

  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  private ScanKernels() {}

  /** Rows of the tile that takes the first of several rows: 4 or, with enough registers, 8. */
  static int tile(int rows) {
    return rows <= 4 ? 4 : MOST_ROWS;
  }

  /**
   * Multiplies a tile of rows with a panel.
   *
   * @param copy the copy
   * @param panel the panel
   * @param rows 4 or 8: a {@link #tile}
   * @param x the rows, element by element: {@code [groups * perInt][rows]}
   * @param xAt their first element
   * @param out receives PANEL sums a row, to be multiplied with the latents' units
   * @param outAt the first of the first row
   * @param stride from row to row
   */
  static void multiply(
      ReducedCopy copy,
      int panel,
      int rows,
      float[] x,
      int xAt,
      float[] out,
      int outAt,
      int stride) {
    MemorySegment words = copy.words;
    long at = copy.panelAt(panel);
    int groups = copy.groups;
    if (copy.int8()) {
      switch (rows) {
        case 4 -> bytes4(words, at, groups, x, xAt, out, outAt, stride);
        default -> bytes8(words, at, groups, x, xAt, out, outAt, stride);
      }
    } else {
      switch (rows) {
        case 4 -> halves4(words, at, groups, x, xAt, out, outAt, stride);
        default -> halves8(words, at, groups, x, xAt, out, outAt, stride);
      }
    }
  }

  /**
   * Multiplies one row with a run of panels.
   *
   * @param copy the copy
   * @param first the first panel
   * @param last the end of the run
   * @param x the row
   * @param out receives PANEL sums a panel, at {@code panel * PANEL}
   */
  static void multiply(ReducedCopy copy, int first, int last, float[] x, float[] out) {
    for (int panel = first; panel < last; panel++) {
      if (copy.int8()) {
        bytes1(copy.words, copy.panelAt(panel), copy.groups, x, out, panel * PANEL);
      } else {
        halves1(copy.words, copy.panelAt(panel), copy.groups, x, out, panel * PANEL);
      }
    }
  }

  private static FloatVector converted(IntVector ints) {
    return (FloatVector) ints.convert(VectorOperators.I2F, 0);
  }

  private static void bytes1(
      MemorySegment words, long at, int groups, float[] x, float[] out, int outAt) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    for (int g = 0; g < groups; g++) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      int p = 4 * g;
      FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
      a0 = v.fma(converted(low), a0);
      b0 = v.fma(converted(high), b0);
      v = FloatVector.broadcast(SPECIES, x[p + 1]);
      a1 = v.fma(converted(low.lanewise(VectorOperators.LSHL, 8)), a1);
      b1 = v.fma(converted(high.lanewise(VectorOperators.LSHL, 8)), b1);
      v = FloatVector.broadcast(SPECIES, x[p + 2]);
      a2 = v.fma(converted(low.lanewise(VectorOperators.LSHL, 16)), a2);
      b2 = v.fma(converted(high.lanewise(VectorOperators.LSHL, 16)), b2);
      v = FloatVector.broadcast(SPECIES, x[p + 3]);
      a3 = v.fma(converted(low.lanewise(VectorOperators.LSHL, 24)), a3);
      b3 = v.fma(converted(high.lanewise(VectorOperators.LSHL, 24)), b3);
    }
    a0.add(a1).add(a2.add(a3)).intoArray(out, outAt);
    b0.add(b1).add(b2.add(b3)).intoArray(out, outAt + LENGTH);
  }

  /** Two groups at a time: memory delivers one stream fastest, with few instructions a byte. */
  private static void halves1(
      MemorySegment words, long at, int groups, float[] x, float[] out, int outAt) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    int g = 0;
    for (; g < groups - 1; g += 2) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      IntVector c = IntVector.fromMemorySegment(INTS, words, row + 4L * PANEL, NATIVE);
      IntVector d = IntVector.fromMemorySegment(INTS, words, row + 4L * (PANEL + LENGTH), NATIVE);
      FloatVector v = FloatVector.broadcast(SPECIES, x[2 * g]);
      a0 = v.fma(low.reinterpretAsFloats(), a0);
      b0 = v.fma(high.reinterpretAsFloats(), b0);
      v = FloatVector.broadcast(SPECIES, x[2 * g + 1]);
      a1 = v.fma(low.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a1);
      b1 = v.fma(high.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), b1);
      v = FloatVector.broadcast(SPECIES, x[2 * g + 2]);
      a2 = v.fma(c.reinterpretAsFloats(), a2);
      b2 = v.fma(d.reinterpretAsFloats(), b2);
      v = FloatVector.broadcast(SPECIES, x[2 * g + 3]);
      a3 = v.fma(c.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a3);
      b3 = v.fma(d.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), b3);
    }
    if (g < groups) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      FloatVector v = FloatVector.broadcast(SPECIES, x[2 * g]);
      a0 = v.fma(low.reinterpretAsFloats(), a0);
      b0 = v.fma(high.reinterpretAsFloats(), b0);
      v = FloatVector.broadcast(SPECIES, x[2 * g + 1]);
      a1 = v.fma(low.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a1);
      b1 = v.fma(high.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), b1);
    }
    a0.add(a1).add(a2.add(a3)).intoArray(out, outAt);
    b0.add(b1).add(b2.add(b3)).intoArray(out, outAt + LENGTH);
  }

  private static void bytes4(
      MemorySegment words,
      long at,
      int groups,
      float[] x,
      int xAt,
      float[] out,
      int outAt,
      int stride) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    int p = xAt;
    for (int g = 0; g < groups; g++) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      for (int q = 0; q < 4; q++) {
        FloatVector f = converted(low);
        FloatVector h = converted(high);
        low = low.lanewise(VectorOperators.LSHL, 8);
        high = high.lanewise(VectorOperators.LSHL, 8);
        FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
        a0 = v.fma(f, a0);
        b0 = v.fma(h, b0);
        v = FloatVector.broadcast(SPECIES, x[p + 1]);
        a1 = v.fma(f, a1);
        b1 = v.fma(h, b1);
        v = FloatVector.broadcast(SPECIES, x[p + 2]);
        a2 = v.fma(f, a2);
        b2 = v.fma(h, b2);
        v = FloatVector.broadcast(SPECIES, x[p + 3]);
        a3 = v.fma(f, a3);
        b3 = v.fma(h, b3);
        p += 4;
      }
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LENGTH);
    a1.intoArray(out, outAt + stride);
    b1.intoArray(out, outAt + stride + LENGTH);
    a2.intoArray(out, outAt + 2 * stride);
    b2.intoArray(out, outAt + 2 * stride + LENGTH);
    a3.intoArray(out, outAt + 3 * stride);
    b3.intoArray(out, outAt + 3 * stride + LENGTH);
  }

  private static void bytes8(
      MemorySegment words,
      long at,
      int groups,
      float[] x,
      int xAt,
      float[] out,
      int outAt,
      int stride) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector a4 = a0;
    FloatVector a5 = a0;
    FloatVector a6 = a0;
    FloatVector a7 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector b4 = a0;
    FloatVector b5 = a0;
    FloatVector b6 = a0;
    FloatVector b7 = a0;
    int p = xAt;
    for (int g = 0; g < groups; g++) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      for (int q = 0; q < 4; q++) {
        FloatVector f = converted(low);
        FloatVector h = converted(high);
        low = low.lanewise(VectorOperators.LSHL, 8);
        high = high.lanewise(VectorOperators.LSHL, 8);
        FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
        a0 = v.fma(f, a0);
        b0 = v.fma(h, b0);
        v = FloatVector.broadcast(SPECIES, x[p + 1]);
        a1 = v.fma(f, a1);
        b1 = v.fma(h, b1);
        v = FloatVector.broadcast(SPECIES, x[p + 2]);
        a2 = v.fma(f, a2);
        b2 = v.fma(h, b2);
        v = FloatVector.broadcast(SPECIES, x[p + 3]);
        a3 = v.fma(f, a3);
        b3 = v.fma(h, b3);
        v = FloatVector.broadcast(SPECIES, x[p + 4]);
        a4 = v.fma(f, a4);
        b4 = v.fma(h, b4);
        v = FloatVector.broadcast(SPECIES, x[p + 5]);
        a5 = v.fma(f, a5);
        b5 = v.fma(h, b5);
        v = FloatVector.broadcast(SPECIES, x[p + 6]);
        a6 = v.fma(f, a6);
        b6 = v.fma(h, b6);
        v = FloatVector.broadcast(SPECIES, x[p + 7]);
        a7 = v.fma(f, a7);
        b7 = v.fma(h, b7);
        p += 8;
      }
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LENGTH);
    a1.intoArray(out, outAt + stride);
    b1.intoArray(out, outAt + stride + LENGTH);
    a2.intoArray(out, outAt + 2 * stride);
    b2.intoArray(out, outAt + 2 * stride + LENGTH);
    a3.intoArray(out, outAt + 3 * stride);
    b3.intoArray(out, outAt + 3 * stride + LENGTH);
    a4.intoArray(out, outAt + 4 * stride);
    b4.intoArray(out, outAt + 4 * stride + LENGTH);
    a5.intoArray(out, outAt + 5 * stride);
    b5.intoArray(out, outAt + 5 * stride + LENGTH);
    a6.intoArray(out, outAt + 6 * stride);
    b6.intoArray(out, outAt + 6 * stride + LENGTH);
    a7.intoArray(out, outAt + 7 * stride);
    b7.intoArray(out, outAt + 7 * stride + LENGTH);
  }

  private static void halves4(
      MemorySegment words,
      long at,
      int groups,
      float[] x,
      int xAt,
      float[] out,
      int outAt,
      int stride) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    int p = xAt;
    for (int g = 0; g < groups; g++) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      for (int q = 0; q < 2; q++) {
        FloatVector f = low.reinterpretAsFloats();
        FloatVector h = high.reinterpretAsFloats();
        low = low.lanewise(VectorOperators.LSHL, 16);
        high = high.lanewise(VectorOperators.LSHL, 16);
        FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
        a0 = v.fma(f, a0);
        b0 = v.fma(h, b0);
        v = FloatVector.broadcast(SPECIES, x[p + 1]);
        a1 = v.fma(f, a1);
        b1 = v.fma(h, b1);
        v = FloatVector.broadcast(SPECIES, x[p + 2]);
        a2 = v.fma(f, a2);
        b2 = v.fma(h, b2);
        v = FloatVector.broadcast(SPECIES, x[p + 3]);
        a3 = v.fma(f, a3);
        b3 = v.fma(h, b3);
        p += 4;
      }
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LENGTH);
    a1.intoArray(out, outAt + stride);
    b1.intoArray(out, outAt + stride + LENGTH);
    a2.intoArray(out, outAt + 2 * stride);
    b2.intoArray(out, outAt + 2 * stride + LENGTH);
    a3.intoArray(out, outAt + 3 * stride);
    b3.intoArray(out, outAt + 3 * stride + LENGTH);
  }

  private static void halves8(
      MemorySegment words,
      long at,
      int groups,
      float[] x,
      int xAt,
      float[] out,
      int outAt,
      int stride) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector a4 = a0;
    FloatVector a5 = a0;
    FloatVector a6 = a0;
    FloatVector a7 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector b4 = a0;
    FloatVector b5 = a0;
    FloatVector b6 = a0;
    FloatVector b7 = a0;
    int p = xAt;
    for (int g = 0; g < groups; g++) {
      long row = at + 4L * PANEL * g;
      IntVector low = IntVector.fromMemorySegment(INTS, words, row, NATIVE);
      IntVector high = IntVector.fromMemorySegment(INTS, words, row + 4L * LENGTH, NATIVE);
      for (int q = 0; q < 2; q++) {
        FloatVector f = low.reinterpretAsFloats();
        FloatVector h = high.reinterpretAsFloats();
        low = low.lanewise(VectorOperators.LSHL, 16);
        high = high.lanewise(VectorOperators.LSHL, 16);
        FloatVector v = FloatVector.broadcast(SPECIES, x[p]);
        a0 = v.fma(f, a0);
        b0 = v.fma(h, b0);
        v = FloatVector.broadcast(SPECIES, x[p + 1]);
        a1 = v.fma(f, a1);
        b1 = v.fma(h, b1);
        v = FloatVector.broadcast(SPECIES, x[p + 2]);
        a2 = v.fma(f, a2);
        b2 = v.fma(h, b2);
        v = FloatVector.broadcast(SPECIES, x[p + 3]);
        a3 = v.fma(f, a3);
        b3 = v.fma(h, b3);
        v = FloatVector.broadcast(SPECIES, x[p + 4]);
        a4 = v.fma(f, a4);
        b4 = v.fma(h, b4);
        v = FloatVector.broadcast(SPECIES, x[p + 5]);
        a5 = v.fma(f, a5);
        b5 = v.fma(h, b5);
        v = FloatVector.broadcast(SPECIES, x[p + 6]);
        a6 = v.fma(f, a6);
        b6 = v.fma(h, b6);
        v = FloatVector.broadcast(SPECIES, x[p + 7]);
        a7 = v.fma(f, a7);
        b7 = v.fma(h, b7);
        p += 8;
      }
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LENGTH);
    a1.intoArray(out, outAt + stride);
    b1.intoArray(out, outAt + stride + LENGTH);
    a2.intoArray(out, outAt + 2 * stride);
    b2.intoArray(out, outAt + 2 * stride + LENGTH);
    a3.intoArray(out, outAt + 3 * stride);
    b3.intoArray(out, outAt + 3 * stride + LENGTH);
    a4.intoArray(out, outAt + 4 * stride);
    b4.intoArray(out, outAt + 4 * stride + LENGTH);
    a5.intoArray(out, outAt + 5 * stride);
    b5.intoArray(out, outAt + 5 * stride + LENGTH);
    a6.intoArray(out, outAt + 6 * stride);
    b6.intoArray(out, outAt + 6 * stride + LENGTH);
    a7.intoArray(out, outAt + 7 * stride);
    b7.intoArray(out, outAt + 7 * stride + LENGTH);
  }
}
