package io.github.sae4j.numerics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CounterRandomTest {
  @Test
  void theNumbersOfASeedNeverChange() {
    CounterRandom random = new CounterRandom(42, RandomPurpose.SHUFFLE);
    assertEquals(-2883391607343282110L, random.bits(0));
    assertEquals(-5132636502977593329L, random.bits(1));
    assertEquals(-6865766125733405001L, random.bits(-1));
    assertEquals(
        -8954008982183371358L, new CounterRandom(42, RandomPurpose.DECODER_WEIGHTS).bits(0));
    assertEquals(8781437045573114979L, new CounterRandom(0, RandomPurpose.SHUFFLE).bits(0));
  }

  @Test
  void everyPurposeSeedAndIndexHasItsOwnNumber() {
    Set<Long> seen = new HashSet<>();
    int drawn = 0;
    for (RandomPurpose purpose : RandomPurpose.values()) {
      for (long seed = -5; seed < 5; seed++) {
        CounterRandom random = new CounterRandom(seed, purpose);
        for (long index = -100; index < 100; index++) {
          seen.add(random.bits(index));
          drawn++;
        }
      }
    }
    assertEquals(drawn, seen.size());
  }

  @Test
  void everyBitIsSetHalfTheTime() {
    CounterRandom random = new CounterRandom(7, RandomPurpose.SYNTHETIC);
    int draws = 10_000;
    for (int bit = 0; bit < Long.SIZE; bit++) {
      int set = 0;
      for (int i = 0; i < draws; i++) {
        set += (int) (random.bits(i) >>> bit & 1);
      }
      // Six standard deviations of a fair coin: 6 * sqrt(10000) / 2.
      assertEquals(draws / 2, set, 300, "bit " + bit);
    }
  }

  @Test
  void fractionsAreUniform() {
    CounterRandom random = new CounterRandom(-3, RandomPurpose.SYNTHETIC);
    int draws = 100_000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < draws; i++) {
      double value = random.uniform(i);
      assertTrue(value >= 0 && value < 1, () -> "got " + value);
      sum += value;
      squares += value * value;
    }
    // Standard deviations of the two means: 0.29 and 0.30 over sqrt(100000), about 0.00093.
    assertEquals(1.0 / 2, sum / draws, 0.005);
    assertEquals(1.0 / 3, squares / draws, 0.005);
  }

  @Test
  void neighbouringSeedsAreUnrelated() {
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
      long one = new CounterRandom(i, RandomPurpose.SHUFFLE).bits(0);
      long other = new CounterRandom(i + 1, RandomPurpose.SHUFFLE).bits(0);
      assertNotEquals(one, other);
      equal += Long.SIZE - Long.bitCount(one ^ other);
    }
    // 64000 fair coins; six standard deviations are 759.
    assertEquals(32_000, equal, 759);
  }
}
