package io.github.sae4j.bench.results;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class IntervalTest {
  /** From tables of the binomial distribution: n, the order statistics, 1 - 2 P(X <= cut). */
  @Test
  void theEndsAreTheOrderStatisticsOfTheTables() {
    for (double[] row :
        new double[][] {
          {1, 1, 1, 0},
          {3, 1, 3, 0.75},
          {5, 1, 5, 0.9375},
          {6, 1, 6, 0.96875},
          {8, 1, 8, 0.9921875},
          {9, 2, 8, 0.9609375},
          {15, 4, 12, 0.96484375},
          {25, 8, 18, 0.956715}
        }) {
      int count = (int) row[0];
      double[] samples = new double[count];
      Arrays.setAll(samples, i -> count - i); // count .. 1, not sorted
      Interval interval = Interval.ofMedian(samples);
      assertEquals(row[1], interval.low(), "low of " + count);
      assertEquals(row[2], interval.high(), "high of " + count);
      assertEquals(row[3], interval.confidence(), 1e-5, "confidence of " + count);
    }
    assertThrows(IllegalArgumentException.class, () -> Interval.ofMedian(new double[0]));
  }

  @Test
  void theMedianIsInItAsOftenAsItSays() {
    SplittableRandom random = new SplittableRandom(7);
    int held = 0;
    int tries = 4000;
    for (int i = 0; i < tries; i++) {
      double[] samples = new double[9];
      Arrays.setAll(samples, j -> Math.exp(random.nextGaussian())); // its median is 1
      Interval interval = Interval.ofMedian(samples);
      held += interval.low() <= 1 && 1 <= interval.high() ? 1 : 0;
    }
    // 96.1 % expected, its standard deviation 0.3 %.
    assertTrue(held > 0.94 * tries && held < 0.98 * tries, "held in " + held + " of " + tries);
  }

  @Test
  void quotientsAreOfTheSameRounds() {
    Timing over = new Timing("over", 1, new double[] {2, 4, 6});
    Timing under = new Timing("under", 1, new double[] {1, 2, 4});
    Ratio ratio = Ratio.of("both", over, under).atMost(1.5);
    assertEquals(2, ratio.value());
    assertEquals(new Interval(1.5, 2, 0.75), ratio.interval().orElseThrow());
    assertTrue(ratio.missed());
    assertTrue(ratio.toString().contains("[1.500 .. 2.000 (75 %)]"), ratio.toString());
    assertEquals(ratio.interval(), ratio.heldIf(false).interval());
    assertThrows(
        IllegalArgumentException.class,
        () -> Interval.ofQuotients(over.seconds(), new double[] {1}));
  }

  @Test
  void processorsAreNamedWithTheirFamily() {
    List<String> zen5 =
        List.of(
            "processor\t: 0",
            "vendor_id\t: AuthenticAMD",
            "cpu family\t: 26",
            "model\t\t: 2",
            "model name\t: AMD EPYC");
    assertEquals("AMD EPYC, family 26 model 2 (Zen 5)", Processor.name(zen5));
    assertEquals(
        "AMD EPYC, family 25 model 17 (Zen 4)",
        Processor.name(
            List.of(
                "vendor_id : AuthenticAMD",
                "cpu family : 25",
                "model : 17",
                "model name : AMD EPYC")));
    assertEquals(
        "Xeon, family 6 model 143",
        Processor.name(
            List.of(
                "vendor_id : GenuineIntel", "cpu family : 6", "model : 143", "model name : Xeon")));
    assertEquals(System.getProperty("os.arch"), Processor.name(List.of("processor : 0")));
    assertTrue(!Processor.name().isBlank());
  }
}
