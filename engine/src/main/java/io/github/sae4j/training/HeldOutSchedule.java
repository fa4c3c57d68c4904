package io.github.sae4j.training;

import io.github.sae4j.options.ConfigException;

/**
 * When a run is evaluated on its held-out rows while it trains, and what follows from it. The
 * measure is FVU: lower is better.
 *
 * @param every steps between evaluations, the last step always being one; 0 for none before the end
 * @param keepBest whether the SAE with the lowest FVU so far is kept in the run's {@code best/}
 * @param patience evaluations in a row without a lower FVU after which the run ends early; 0 for
 *     never
 */
public record HeldOutSchedule(long every, boolean keepBest, int patience) {
  /** No evaluation before the end. */
  public static final HeldOutSchedule NONE = new HeldOutSchedule(0, false, 0);

  /** Checks the ranges. */
  public HeldOutSchedule {
    if (every < 0) {
      throw new ConfigException("eval_every", "expected at least 0, got " + every);
    }
    if (patience < 0) {
      throw new ConfigException("early_stop", "expected at least 0, got " + patience);
    }
    if (every == 0 && keepBest) {
      throw new ConfigException("keep_best", "expected with eval_every, got without");
    }
    if (every == 0 && patience > 0) {
      throw new ConfigException("early_stop", "expected with eval_every, got without");
    }
  }

  /**
   * Whether the run is evaluated after a step.
   *
   * @param step the step, from 1
   * @param steps steps of the whole run
   * @return true if it is
   */
  boolean due(long step, long steps) {
    return every > 0 && (step % every == 0 || step == steps);
  }
}
