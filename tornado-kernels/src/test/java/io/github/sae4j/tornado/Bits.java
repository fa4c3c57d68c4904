package io.github.sae4j.tornado;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.SplittableRandom;

/** Random operands, and equality of bits. */
public final class Bits {
  private Bits() {}

  /** Normal-like numbers, with a few zeros of both signs and denormals among them. */
  public static Matrix random(OffHeap memory, SplittableRandom random, int rows, int cols) {
    Matrix matrix = memory.matrix(rows, cols);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        float value =
            switch (random.nextInt(40)) {
              case 0 -> 0f;
              case 1 -> -0f;
              case 2 -> Float.intBitsToFloat(random.nextInt(1 << 23));
              case 3 -> -1e-30f * random.nextFloat();
              default -> (random.nextFloat() - 0.5f) * 2;
            };
        matrix.set(i, j, value);
      }
    }
    return matrix;
  }

  /** Few distinct values, so that most are tied. */
  public static Matrix tied(OffHeap memory, SplittableRandom random, int rows, int cols) {
    Matrix matrix = memory.matrix(rows, cols);
    float[] values = {-1f, -0f, 0f, 0.5f, 1f};
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        matrix.set(i, j, values[random.nextInt(values.length)]);
      }
    }
    return matrix;
  }

  /** Codes with distinct ascending indices in [0, n); some values 0 or negative. */
  public static SparseCodes codes(OffHeap memory, SplittableRandom random, int rows, int k, int n) {
    SparseCodes codes = memory.codes(rows, k);
    for (int row = 0; row < rows; row++) {
      row(codes, random, row, k, n);
    }
    return codes;
  }

  /** The same with rows of 0 to {@code most} codes; the first row is empty, the last one full. */
  public static SparseCodes ragged(
      OffHeap memory, SplittableRandom random, int rows, int most, int n) {
    SparseCodes codes = memory.codes(rows, most);
    for (int row = 0; row < rows; row++) {
      int k = row + 1 == rows ? most : row == 0 ? 0 : random.nextInt(most + 1);
      row(codes, random, row, k, n);
    }
    return codes;
  }

  private static void row(SparseCodes codes, SplittableRandom random, int row, int k, int n) {
    int[] latents = new int[k];
    float[] values = new float[k];
    int taken = 0;
    for (int index = 0; taken < k; index++) {
      // As many as are wanted of those left.
      if (random.nextInt(n - index) < k - taken) {
        latents[taken] = index;
        values[taken++] = random.nextInt(4) == 0 ? 0f : random.nextFloat() - 0.2f;
      }
    }
    codes.setRow(row, k, latents, values, 0);
  }

  public static Matrix copy(OffHeap memory, Matrix source) {
    Matrix copy = memory.matrix(source.rows(), source.cols());
    copy.copyFrom(source);
    return copy;
  }

  public static void assertSame(String what, Matrix expected, Matrix got) {
    for (int i = 0; i < expected.rows(); i++) {
      for (int j = 0; j < expected.cols(); j++) {
        int want = Float.floatToRawIntBits(expected.get(i, j));
        int have = Float.floatToRawIntBits(got.get(i, j));
        if (want != have) {
          assertEquals(
              expected.get(i, j) + " = " + Integer.toHexString(want),
              got.get(i, j) + " = " + Integer.toHexString(have),
              what + expected.shape() + " at (" + i + ", " + j + ")");
        }
      }
    }
  }

  public static void assertSame(String what, SparseCodes expected, SparseCodes got) {
    assertEquals(expected.rows(), got.rows(), what);
    for (int row = 0; row < expected.rows(); row++) {
      assertEquals(expected.length(row), got.length(row), what + " row " + row);
      for (int slot = 0; slot < expected.length(row); slot++) {
        String at = what + " row " + row + ", slot " + slot;
        assertEquals(expected.index(row, slot), got.index(row, slot), at);
        assertEquals(
            Float.floatToRawIntBits(expected.value(row, slot)),
            Float.floatToRawIntBits(got.value(row, slot)),
            at);
      }
    }
  }
}
