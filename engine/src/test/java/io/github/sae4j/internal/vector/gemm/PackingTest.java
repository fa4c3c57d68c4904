package io.github.sae4j.internal.vector.gemm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Packed rows against their definition, and nothing written beside them. */
@Tag("kernel")
class PackingTest {
  private static final int BEFORE = 5;
  private static final int AFTER = 40;
  private static final float OLD = -7f;

  private interface Packer {
    void pack(float[] rows, int from, int stride, float[] out, int at);
  }

  /** Packs rows of different numbers and checks all of the output. */
  private static void check(int count, int depth, int width, int mayChange, Packer packer) {
    String what = count + " rows of " + depth + " to width " + width;
    int stride = depth + 3;
    float[] rows = new float[2 + width * stride];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = i + 1;
    }
    float[] out = new float[BEFORE + depth * width + AFTER];
    Arrays.fill(out, OLD);
    packer.pack(rows, 2, stride, out, BEFORE);
    for (int i = 0; i < out.length; i++) {
      int p = Math.floorDiv(i - BEFORE, width);
      int r = Math.floorMod(i - BEFORE, width);
      if (p < 0 || p >= depth) {
        if (i < BEFORE || i >= BEFORE + depth * width + mayChange) {
          assertEquals(OLD, out[i], what + ": beside it at " + (i - BEFORE));
        }
      } else {
        float expected = r < count ? rows[2 + r * stride + p] : 0f;
        assertEquals(expected, out[i], what + ": column " + p + ", row " + r);
      }
    }
  }

  @Test
  void packsAnyNumberOfRowsAndColumns() {
    for (int width : new int[] {4, 8, 12, 16, 32}) {
      for (int depth : new int[] {0, 1, 15, 16, 17, 31, 32, 33, 100}) {
        for (int count = 0; count <= width; count++) {
          int n = count;
          check(
              n,
              depth,
              width,
              0,
              (rows, from, stride, out, at) ->
                  Packing.pack(rows, from, stride, n, depth, width, out, at));
        }
      }
    }
  }

  /** At every vector width, also where packing does not use them. */
  @Test
  void blocksAreTransposed() {
    for (int columns : new int[] {0, 16, 48}) {
      check(
          16,
          columns,
          16,
          0,
          (rows, from, stride, out, at) ->
              Transposition.rows16(rows, from, stride, columns, 16, out, at));
      check(
          12,
          columns,
          12,
          4,
          (rows, from, stride, out, at) ->
              Transposition.rows12(rows, from, stride, columns, 12, out, at));
    }
  }
}
