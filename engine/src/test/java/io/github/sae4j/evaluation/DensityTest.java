package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DensityTest {
  @Test
  void everyLatentHasItsBin() {
    // Frequencies 0, 1, 1e-2 and 3e-6: log10 about −10, 0, −2 and −5.52.
    Density density = new Density(1_000_000, new long[] {0, 1_000_000, 10_000, 3});
    int[] histogram = density.histogram();
    assertEquals(40, histogram.length);
    assertEquals(1, histogram[0]);
    assertEquals(1, histogram[39]);
    assertEquals(1, histogram[32]);
    assertEquals(1, histogram[17]);
    assertEquals(4, IntStream.of(histogram).sum());
    assertEquals(2, density.below(1e-5));
    assertEquals(1, density.below(1e-6));
    assertEquals((-10 + 0 - 2 - 5.5229) / 4, density.meanLog10(), 1e-4);
  }

  @Test
  void withoutRowsThereIsNoDensity() {
    assertThrows(IllegalArgumentException.class, () -> new Density(0, new long[3]));
  }
}
