package io.github.sae4j.config;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sae4j.options.ConfigException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Schedules against vectors worked out by hand and those that SAELens's own tests pin. */
class LearningRateTest {
  private static final double ROUNDING = 1e-15;

  private static LearningRate schedule(
      LrScheduler scheduler, double lrEnd, long warmUp, long decay, int cycles, long steps) {
    return new LearningRate(scheduler, 0.1, lrEnd, warmUp, decay, cycles, steps);
  }

  private static double[] values(LearningRate schedule, int count) {
    return LongStream.range(0, count).mapToDouble(schedule::at).toArray();
  }

  @Test
  void warmUpOfTwoStepsReachesTheRateAtItsSecondStep() {
    LearningRate schedule = schedule(LrScheduler.CONSTANT, 0.01, 2, 0, 1, 4);
    assertArrayEquals(new double[] {0.05, 0.1, 0.1, 0.1}, values(schedule, 4), ROUNDING);
  }

  @Test
  void decayOfFourStepsEndsAtZeroAfterTheLast() {
    LearningRate schedule = schedule(LrScheduler.CONSTANT, 0.01, 0, 4, 1, 4);
    assertArrayEquals(new double[] {0.1, 0.075, 0.05, 0.025, 0}, values(schedule, 5), ROUNDING);
  }

  @Test
  void cosineStartsAfterTheWarmUpAndDecaysFromItsFloor() {
    // Body of 4 steps: cos(0), cos(π/4), cos(π/2), cos(3π/4); decay from 0.02 over 2 steps.
    LearningRate schedule = schedule(LrScheduler.COSINEANNEALING, 0.02, 2, 2, 1, 8);
    double root = Math.sqrt(0.5);
    assertArrayEquals(
        new double[] {
          0.05, 0.1, 0.1, 0.02 + 0.04 * (1 + root), 0.06, 0.02 + 0.04 * (1 - root), 0.02, 0.01, 0
        },
        values(schedule, 9),
        ROUNDING);
  }

  @Test
  void warmRestartsRepeatTheCosine() {
    LearningRate schedule = schedule(LrScheduler.COSINEANNEALINGWARMRESTARTS, 0, 0, 0, 2, 8);
    double root = Math.sqrt(0.5);
    double high = 0.05 * (1 + root);
    double low = 0.05 * (1 - root);
    assertArrayEquals(
        new double[] {0.1, high, 0.05, low, 0.1, high, 0.05, low}, values(schedule, 8), ROUNDING);
  }

  @Test
  void linearWarmsUpFromZeroAndEndsAtZero() {
    LearningRate schedule = schedule(LrScheduler.LINEAR, 0, 2, 0, 1, 6);
    assertArrayEquals(
        new double[] {0, 0.05, 0.1, 0.075, 0.05, 0.025, 0}, values(schedule, 7), ROUNDING);
  }

  @Test
  void linearWithoutRoomForADecayStillEndsAtZero() {
    assertEquals(0, schedule(LrScheduler.LINEAR, 0, 6, 0, 1, 6).at(6));
  }

  @Test
  void dictionaryLearningHoldsTheRateUntilItsDecay() {
    LearningRate schedule = schedule(LrScheduler.CONSTANT_WITH_WARMUP, 0, 2, 2, 1, 6);
    assertArrayEquals(
        new double[] {0, 0.05, 0.1, 0.1, 0.1, 0.05, 0}, values(schedule, 7), ROUNDING);
  }

  @Test
  void aWarmUpLongerThanTheRunNeverReachesTheRate() {
    LearningRate schedule = schedule(LrScheduler.CONSTANT, 0.01, 100, 4, 1, 10);
    assertEquals(0.01, schedule.at(9), ROUNDING);
  }

  @Test
  void moreCyclesThanStepsAreRefused() {
    ConfigException e =
        assertThrows(
            ConfigException.class,
            () -> schedule(LrScheduler.COSINEANNEALINGWARMRESTARTS, 0, 0, 0, 9, 8));
    assertEquals(
        "n_restart_cycles: expected at most the 8 steps between warm-up and decay, got 9 cycles",
        e.getMessage());
  }
}
