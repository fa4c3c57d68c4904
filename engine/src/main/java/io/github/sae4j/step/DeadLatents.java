package io.github.sae4j.step;

/** Counts per latent the steps or rows since it fired, from which the dead latents follow. */
public final class DeadLatents {
  private final DeadLatentRule.Counting counting;
  private final long[] sinceFired;

  /**
   * Creates a counter on the given array.
   *
   * @param counting unit, window and restart
   * @param sinceFired counters {@code [d_sae]}, updated in place
   */
  public DeadLatents(DeadLatentRule.Counting counting, long[] sinceFired) {
    this.counting = counting;
    this.sinceFired = sinceFired;
  }

  /**
   * Counts one optimizer step. Counters saturate.
   *
   * @param fired which latents fired in it
   * @param rows rows of the step, all micro-batches together
   */
  public void count(boolean[] fired, int rows) {
    long advance = counting.unit() == DeadLatentRule.Counting.Unit.STEPS ? 1 : rows;
    for (int i = 0; i < sinceFired.length; i++) {
      if (fired[i]) {
        sinceFired[i] = counting.restart();
      } else if (sinceFired[i] <= Long.MAX_VALUE - advance) {
        sinceFired[i] += advance;
      }
    }
  }

  /**
   * Counts one optimizer step and fixes the mask that it uses, before or after the count.
   *
   * @param fired which latents fired in it
   * @param rows rows of the step, all micro-batches together
   * @return the dead latents, ascending
   */
  public int[] step(boolean[] fired, int rows) {
    if (counting.afterStep()) {
      count(fired, rows);
      return dead();
    }
    int[] dead = dead();
    count(fired, rows);
    return dead;
  }

  /** {@return the dead latents, ascending} */
  public int[] dead() {
    int count = 0;
    for (long since : sinceFired) {
      count += counting.dead(since) ? 1 : 0;
    }
    int[] dead = new int[count];
    int at = 0;
    for (int i = 0; i < sinceFired.length && at < count; i++) {
      if (counting.dead(sinceFired[i])) {
        dead[at++] = i;
      }
    }
    return dead;
  }
}
