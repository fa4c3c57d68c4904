package io.github.sae4j.internal.activity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The hyperbolic tangent of {@link Tanh} against {@code StrictMath}. */
class TanhTest {
  /** Half an ULP of f32 is 6e-8: an error of this size changes one rounding in ten thousand. */
  private static final double MOST = 4e-13;

  private static double tanh(double y) {
    return Tanh.value(y, Tanh.decay(y));
  }

  @Test
  void itIsWithinItsBoundOverTheWholeRange() {
    SplittableRandom random = new SplittableRandom(13);
    double worst = 0;
    double worstSlope = 0;
    for (int i = 0; i < 2_000_000; i++) {
      // Every size from 1e-12 to 20 equally often.
      double size = StrictMath.exp(random.nextDouble(StrictMath.log(1e-12), StrictMath.log(20)));
      double y = i % 2 == 0 ? size : -size;
      double right = StrictMath.tanh(y);
      worst = Math.max(worst, Math.abs(tanh(y) - right) / Math.abs(right));
      double cosh = StrictMath.cosh(y);
      double slope = 1 / (cosh * cosh);
      worstSlope = Math.max(worstSlope, Math.abs(Tanh.slope(Tanh.decay(y)) - slope) / slope);
    }
    System.out.printf("tanh: largest relative error %.1e, of its slope %.1e%n", worst, worstSlope);
    assertTrue(worst <= MOST, "tanh: relative error " + worst);
    assertTrue(worstSlope <= 1e-14, "slope of tanh: relative error " + worstSlope);
  }

  @Test
  void itIsExactAtItsEnds() {
    assertEquals(0, tanh(0));
    assertEquals(1, Tanh.slope(Tanh.decay(0)));
    for (double far : new double[] {40, 349, 351, 1e9, Float.MAX_VALUE, Double.MAX_VALUE}) {
      assertEquals(1, tanh(far));
      assertEquals(-1, tanh(-far));
      assertTrue(Tanh.slope(Tanh.decay(far)) < 1e-30);
    }
    for (double near : new double[] {1e-3, Math.nextDown(1e-3), Math.nextUp(1e-3)}) {
      assertEquals(StrictMath.tanh(near), tanh(near), 1e-15);
    }
  }
}
