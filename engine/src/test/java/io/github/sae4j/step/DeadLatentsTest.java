package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.github.sae4j.step.DeadLatentRule.Counting.Unit;
import org.junit.jupiter.api.Test;

class DeadLatentsTest {
  private static final boolean[] FIRST_FIRED = {true, false, false};

  private static DeadLatentRule.Counting counting(Unit unit, boolean inclusive, long restart) {
    return new DeadLatentRule.Counting(unit, 100, inclusive, false, restart);
  }

  @Test
  void aStepCountsOneWhateverItsRows() {
    long[] since = {7, 8, 0};
    new DeadLatents(counting(Unit.STEPS, false, 0), since).count(FIRST_FIRED, 64);
    assertArrayEquals(new long[] {0, 9, 1}, since);
  }

  @Test
  void tokensCountTheRows() {
    long[] since = {7, 8, 0};
    new DeadLatents(counting(Unit.TOKENS, false, 0), since).count(FIRST_FIRED, 64);
    assertArrayEquals(new long[] {0, 72, 64}, since);
  }

  @Test
  void aFiringLatentMayRestartAtOne() {
    long[] since = {7, 8, 0};
    new DeadLatents(counting(Unit.STEPS, false, 1), since).count(FIRST_FIRED, 64);
    assertArrayEquals(new long[] {1, 9, 1}, since);
  }

  @Test
  void deadIsPastTheWindow() {
    DeadLatents latents =
        new DeadLatents(counting(Unit.STEPS, false, 0), new long[] {99, 100, 101});
    assertArrayEquals(new int[] {2}, latents.dead());
  }

  @Test
  void deadIsAlreadyAtAnInclusiveWindow() {
    DeadLatents latents = new DeadLatents(counting(Unit.STEPS, true, 0), new long[] {99, 100, 101});
    assertArrayEquals(new int[] {1, 2}, latents.dead());
  }

  @Test
  void countersDoNotOverflow() {
    long[] since = {Long.MAX_VALUE - 1, Long.MAX_VALUE, 3};
    DeadLatents latents = new DeadLatents(counting(Unit.TOKENS, false, 0), since);
    latents.count(new boolean[3], 1000);
    assertArrayEquals(new int[] {0, 1, 2}, latents.dead());
  }
}
