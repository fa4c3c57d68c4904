package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LatentPassTest {
  @ParameterizedTest
  @CsvSource({"24576, 2", "3072, 2", "3072, 1", "1000, 3", "7, 2", "1, 4", "24576, 64", "65, 8"})
  void tasksCoverAllLatentsAndBecomeSmallerTowardsTheEndOfEachRange(int latents, int threads) {
    int[] bounds = LatentPass.bounds(latents, threads);
    int tasks = bounds.length - 1;
    assertEquals(0, bounds[0]);
    assertEquals(latents, bounds[tasks]);
    assertEquals(0, tasks % threads, "tasks of a thread");
    for (int task = 0; task < tasks; task++) {
      int size = bounds[task + 1] - bounds[task];
      assertTrue(size >= 0 && size <= 128, "size of task " + task + ": " + size);
      // Rows of W_dec are read ahead from multiples of 8 on.
      assertTrue(bounds[task] % 8 == 0 || size == 0, "begin of task " + task);
      boolean first = task % (tasks / threads) == 0;
      assertTrue(first || size <= bounds[task] - bounds[task - 1] || size == 0, "order of " + task);
    }
    int range = tasks / threads;
    assertTrue(bounds[range] - bounds[range - 1] <= 8, "last task of the first thread");
  }
}
