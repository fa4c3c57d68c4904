package io.github.sae4j.training;

import io.github.sae4j.options.ConfigException;
import java.math.BigInteger;

/**
 * When a run writes checkpoints and how many it keeps. It always writes one after the last step,
 * from which the run can be extended. Checkpoints do not change what is computed.
 *
 * @param every steps between checkpoints; 0 for none
 * @param evenly number of checkpoints at even distances over the run; 0 for none
 * @param minutes age of the last checkpoint, in minutes, at which a new one is due; 0 for none
 * @param keep how many of the newest to keep, at least 1
 */
public record CheckpointSchedule(long every, long evenly, int minutes, int keep) {
  /** Every ten minutes, keeping only the newest. */
  public static final CheckpointSchedule DEFAULT = new CheckpointSchedule(0, 0, 10, 1);

  /** Checks the ranges. */
  public CheckpointSchedule {
    expect(every >= 0, "checkpoint_every", "at least 0", every);
    expect(evenly >= 0, "n_checkpoints", "at least 0", evenly);
    expect(minutes >= 0, "checkpoint_minutes", "at least 0", minutes);
    expect(keep >= 1, "keep_checkpoints", "at least 1", keep);
  }

  private static void expect(boolean holds, String name, String expected, long got) {
    if (!holds) {
      throw new ConfigException(name, "expected " + expected + ", got " + got);
    }
  }

  /**
   * Whether a checkpoint is due.
   *
   * @param step steps done
   * @param steps steps of the whole run
   * @param secondsSince time since the last checkpoint, or since the start
   * @return true after step i·steps/(evenly + 1) for each i from 1 to {@code evenly}, rounded down,
   *     after each multiple of {@code every}, and when the last one is too old; false for the last
   *     step, which always has one
   */
  public boolean due(long step, long steps, double secondsSince) {
    if (step < 1 || step >= steps) {
      return false;
    }
    if ((every > 0 && step % every == 0) || (minutes > 0 && secondsSince >= 60.0 * minutes)) {
      return true;
    }
    // The share i of the run ends in (step - 1, step] for some i if the count of shares changes.
    return evenly > 0 && shares(step, steps) > shares(step - 1, steps);
  }

  /** Number of i in 1..evenly with floor(i steps / (evenly + 1)) <= step. */
  private long shares(long step, long steps) {
    // More than one per step is one per step; below that the product fits 64 bits for any realistic
    // run.
    long shares = Math.min(evenly, steps) + 1;
    BigInteger product = BigInteger.valueOf(step + 1).multiply(BigInteger.valueOf(shares));
    BigInteger all = BigInteger.valueOf(steps);
    long count = product.add(all).subtract(BigInteger.ONE).divide(all).longValueExact() - 1;
    return Math.min(count, shares - 1);
  }
}
