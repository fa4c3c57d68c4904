package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.options.ConfigException;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class CheckpointScheduleTest {
  private static List<Long> steps(CheckpointSchedule schedule, long steps) {
    return LongStream.rangeClosed(0, steps).filter(s -> schedule.due(s, steps, 0)).boxed().toList();
  }

  @Test
  void everySoManyStepsButNotAtTheEnd() {
    assertEquals(List.of(3L, 6L), steps(new CheckpointSchedule(3, 0, 0, 1), 9));
    assertEquals(List.of(3L, 6L, 9L), steps(new CheckpointSchedule(3, 0, 0, 1), 10));
  }

  @Test
  void soManyAtEvenDistances() {
    assertEquals(List.of(25L, 50L, 75L), steps(new CheckpointSchedule(0, 3, 0, 1), 100));
    assertEquals(List.of(3L, 6L), steps(new CheckpointSchedule(0, 2, 0, 1), 10));
    assertEquals(List.of(5L), steps(new CheckpointSchedule(0, 1, 0, 1), 11));
  }

  @Test
  void noMoreThanThereAreSteps() {
    assertEquals(List.of(1L, 2L), steps(new CheckpointSchedule(0, 50, 0, 1), 3));
  }

  @Test
  void anyNumberIsCountedWithoutOverflow() {
    for (long evenly : new long[] {4, 1L << 62, Long.MAX_VALUE}) {
      assertEquals(List.of(1L, 2L), steps(new CheckpointSchedule(0, evenly, 0, 1), 3));
    }
    CheckpointSchedule schedule = new CheckpointSchedule(0, (1L << 40) - 1, 0, 1);
    assertTrue(schedule.due(1L << 41, 1L << 42, 0));
    assertFalse(schedule.due((1L << 41) + 1, 1L << 42, 0));
  }

  @Test
  void none() {
    assertEquals(List.of(), steps(new CheckpointSchedule(0, 0, 0, 1), 1000));
  }

  @Test
  void whenTheLastOneIsTooOld() {
    CheckpointSchedule schedule = new CheckpointSchedule(0, 0, 10, 1);
    assertFalse(schedule.due(5, 100, 599));
    assertTrue(schedule.due(5, 100, 600));
    assertFalse(schedule.due(100, 100, 600));
  }

  @Test
  void nonsenseIsRefusedByName() {
    assertEquals(
        "keep_checkpoints: expected at least 1, got 0",
        assertThrows(ConfigException.class, () -> new CheckpointSchedule(1, 0, 0, 0)).getMessage());
  }
}
