package io.github.sae4j.lucene;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Codes as an index takes them. */
class FeatureVectorTest {
  @Test
  void weightsAreRoundedToTheNearestOfTheIndex() {
    Random random = new Random(3);
    for (int i = 0; i < 100_000; i++) {
      float weight = Float.intBitsToFloat(random.nextInt(0x00800000, 0x7f7f8000));
      float held = FeatureWeight.decode(FeatureWeight.frequency(weight));
      assertEquals(weight, held, weight * 0x1p-9);
    }
    for (float edge : new float[] {Float.MIN_NORMAL, 1, Float.MAX_VALUE}) {
      float held = FeatureWeight.decode(FeatureWeight.frequency(edge));
      assertTrue(Float.isFinite(held) && held > 0);
      assertEquals(edge, held, (double) edge * 0x1p-8); // the largest cannot be rounded up
    }
  }

  @Test
  void aUnitVectorHasLengthOne() {
    FeatureVector unit = FeatureVector.unit(new int[] {2, 5}, new float[] {3, 4});
    assertArrayEquals(new float[] {0.6f, 0.8f}, unit.weights(), 1e-7f);
    assertEquals(0.8f, unit.weightOf(5), 1e-7f);
    assertEquals(0, unit.weightOf(4));
  }

  @Test
  void latentsAtZeroAreLeftOut() {
    FeatureVector vector = FeatureVector.of(new int[] {1, 2, 3}, new float[] {0, 2, -0f});
    assertArrayEquals(new int[] {2}, vector.features());
    assertEquals(0, FeatureVector.unit(new int[] {1}, new float[] {0}).size());
  }

  @Test
  void theStrongestAreKeptInTheOrderOfLatents() {
    FeatureVector vector =
        FeatureVector.of(new int[] {1, 4, 6, 9}, new float[] {2, 5, 5, 3}).strongest(3);
    assertArrayEquals(new int[] {4, 6, 9}, vector.features());
    assertArrayEquals(new float[] {5, 5, 3}, vector.weights());
    assertThrows(IllegalArgumentException.class, () -> vector.strongest(0));
  }

  @Test
  void whatAnIndexCannotHoldIsRefusedByItsFeature() {
    for (float bad : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY, Float.MIN_VALUE}) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> FeatureVector.of(new int[] {17}, new float[] {bad}))
              .getMessage();
      assertTrue(message.contains("got " + bad + " for feature 17"), message);
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> FeatureVector.of(new int[] {2, 2}, new float[] {1, 1}));
    assertThrows(
        IllegalArgumentException.class, () -> FeatureVector.of(new int[] {-1}, new float[] {1}));
    assertThrows(
        IllegalArgumentException.class, () -> FeatureVector.of(new int[] {1}, new float[0]));
  }
}
