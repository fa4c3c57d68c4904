package io.github.sae4j.numerics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowOrderTest {
  private static long[] order(long seed, long epoch, int rows) {
    RowOrder order = new RowOrder(seed, epoch, rows);
    return LongStream.range(0, rows).map(order::at).toArray();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 1009, 4096, 4097, 15_564})
  void isAPermutation(int rows) {
    for (long epoch = 0; epoch < 3; epoch++) {
      long[] sorted = order(42, epoch, rows);
      Arrays.sort(sorted);
      assertArrayEquals(LongStream.range(0, rows).toArray(), sorted, "epoch " + epoch);
    }
  }

  @Test
  void theOrderOfASeedNeverChanges() {
    assertArrayEquals(new long[] {4, 1, 9, 8, 2, 0, 3, 5, 7, 6}, order(42, 0, 10));
    assertArrayEquals(new long[] {2, 0, 9, 3, 6, 4, 7, 8, 5, 1}, order(42, 1, 10));
    assertEquals(58586559590225946L, new RowOrder(42, 0, 1L << 62).at(0));
  }

  @Test
  void epochsAndSeedsDiffer() {
    Set<String> orders = new HashSet<>();
    for (long seed = 0; seed < 10; seed++) {
      for (long epoch = 0; epoch < 10; epoch++) {
        orders.add(Arrays.toString(order(seed, epoch, 100)));
      }
    }
    assertEquals(100, orders.size());
  }

  @Test
  void aPositionDoesNotDependOnThoseAskedBefore() {
    long[] forwards = order(5, 2, 1000);
    RowOrder order = new RowOrder(5, 2, 1000);
    for (int position = 999; position >= 0; position--) {
      assertEquals(forwards[position], order.at(position));
    }
  }

  @Test
  void everyRowIsEquallyLikelyAtEveryPosition() {
    int rows = 10;
    int orders = 20_000;
    int[][] counts = new int[rows][rows];
    for (int seed = 0; seed < orders; seed++) {
      RowOrder order = new RowOrder(seed, 0, rows);
      for (int position = 0; position < rows; position++) {
        counts[position][(int) order.at(position)]++;
      }
    }
    for (int position = 0; position < rows; position++) {
      for (int row = 0; row < rows; row++) {
        // Binomial(20000, 1/10): mean 2000, six standard deviations are 255.
        assertEquals(2000, counts[position][row], 255, position + " -> " + row);
      }
    }
  }

  @Test
  void neighbouringPositionsAreNotNeighbouringRows() {
    int rows = 100_000;
    long[] order = order(1, 0, rows);
    int near = 0;
    for (int i = 1; i < rows; i++) {
      near += Math.abs(order[i] - order[i - 1]) <= 50 ? 1 : 0;
    }
    // A random order has 100 of 100000 pairs that near, standard deviation 10.
    assertEquals(100, near, 60);
  }

  @Test
  void reachesTheLargestRange() {
    RowOrder order = new RowOrder(9, 3, 1L << 62);
    Set<Long> seen = new HashSet<>();
    for (long position = 0; position < 1000; position++) {
      long row = order.at((1L << 62) - 1 - position);
      assertTrue(row >= 0 && row < 1L << 62);
      assertTrue(seen.add(row));
    }
    assertFalse(seen.stream().allMatch(row -> row < 1L << 61));
  }

  @Test
  void refusesWhatIsOutOfRange() {
    assertThrows(IllegalArgumentException.class, () -> new RowOrder(0, -1, 5));
    assertThrows(IllegalArgumentException.class, () -> new RowOrder(0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new RowOrder(0, 0, (1L << 62) + 1));
    RowOrder order = new RowOrder(0, 0, 5);
    assertThrows(IndexOutOfBoundsException.class, () -> order.at(5));
    assertThrows(IndexOutOfBoundsException.class, () -> order.at(-1));
  }
}
