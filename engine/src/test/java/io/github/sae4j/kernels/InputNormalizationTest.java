package io.github.sae4j.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import org.junit.jupiter.api.Test;

class InputNormalizationTest {
  /** A few roundings of f32. */
  private static final float ROUNDING = 1e-6f;

  /** A normalised row and what undoes it. */
  private record Result(float[] row, float scale, float shift) {
    float[] undone() {
      float[] undone = new float[row.length];
      for (int j = 0; j < undone.length; j++) {
        undone[j] = Math.fma(row[j], scale, shift);
      }
      return undone;
    }
  }

  private static Result apply(InputNormalization normalization, float... values) {
    try (OffHeap memory = new OffHeap()) {
      Matrix x = memory.vector(values.length);
      Matrix scales = memory.vector(1);
      Matrix shifts = memory.vector(1);
      x.write(0, 1, values, 0);
      normalization.apply(x, x, scales, shifts);
      return new Result(x.toArray(), scales.get(0, 0), shifts.get(0, 0));
    }
  }

  @Test
  void noneLeavesTheRowAsItIs() {
    Result result = apply(InputNormalization.NONE, 3, -4);
    assertArrayEquals(new float[] {3, -4}, result.row());
    assertArrayEquals(new float[] {3, -4}, result.undone());
  }

  @Test
  void constantNormBringsTheNormToTheRootOfTheWidth() {
    // ‖(3, −4, 0, 12)‖ = 13, √4 = 2.
    Result result = apply(InputNormalization.CONSTANT_NORM, 3, -4, 0, 12);
    assertArrayEquals(new float[] {6 / 13f, -8 / 13f, 0, 24 / 13f}, result.row(), ROUNDING);
    assertEquals(6.5f, result.scale());
    assertEquals(0f, result.shift());
    assertArrayEquals(new float[] {3, -4, 0, 12}, result.undone(), 12 * ROUNDING);
  }

  @Test
  void aZeroRowKeepsItsZeros() {
    Result result = apply(InputNormalization.CONSTANT_NORM, 0, 0, 0);
    assertArrayEquals(new float[3], result.row());
    assertEquals(1f, result.scale());
  }

  @Test
  void rowsWhoseSquaresLeaveTheRangeOfFloatsAreFine() {
    Result tiny = apply(InputNormalization.CONSTANT_NORM, 3e-30f, -4e-30f);
    assertEquals(Math.sqrt(2) * 0.6, tiny.row()[0], ROUNDING);
    Result huge = apply(InputNormalization.CONSTANT_NORM, 3e30f, -4e30f);
    assertEquals(Math.sqrt(2) * 0.6, huge.row()[0], ROUNDING);
  }

  @Test
  void layerNormTakesTheUnbiasedDeviation() {
    // Mean 4, squares 4 + 0 + 4 over 2: deviation 2, divided by 2.00001.
    Result result = apply(InputNormalization.LAYER_NORM, 2, 4, 6);
    assertArrayEquals(new float[] {-2 / 2.00001f, 0, 2 / 2.00001f}, result.row(), ROUNDING);
    assertEquals(2f, result.scale());
    assertEquals(4f, result.shift());
  }

  @Test
  void aConstantRowBecomesZerosAndIsGivenBackByItsMean() {
    Result result = apply(InputNormalization.LAYER_NORM, 5, 5, 5, 5);
    assertArrayEquals(new float[4], result.row());
    assertArrayEquals(new float[] {5, 5, 5, 5}, result.undone());
  }

  @Test
  void oneColumnHasNoDeviation() {
    Result result = apply(InputNormalization.LAYER_NORM, 7);
    assertArrayEquals(new float[1], result.row());
    assertArrayEquals(new float[] {7}, result.undone());
    assertArrayEquals(new float[] {1}, apply(InputNormalization.CONSTANT_NORM, 7).row());
  }
}
