package io.github.sae4j.internal.health;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Throughput below half of what it was. Rows per second are taken over blocks of time; the first
 * block, in which the JVM compiles, is passed over, the next is the measure, and three slow ones in
 * a row are needed, because another program may take the cores for a while. Since a step does more
 * while AuxK acts, the measure is taken anew when the first latent dies and when the last revives.
 * What it remembers dies with the process: another machine may go on.
 */
final class SpeedWatch implements Watch {
  private static final double SLOW = 0.5;
  private static final int TIMES = 3;
  private static final int LEAST_STEPS = 20;

  private final double blockSeconds;
  private long rows;
  private int steps;
  private double stepSeconds;
  private double dataSeconds;
  private boolean warm;
  private boolean dead;
  private int slow;

  /** Rows per second and seconds of waiting per row in the best block; 0 before it. */
  private double best;

  private double bestWait;

  /**
   * A watch.
   *
   * @param blockSeconds least duration of a block
   */
  SpeedWatch(double blockSeconds) {
    this.blockSeconds = blockSeconds;
  }

  @Override
  public String kind() {
    return "throughput_drop";
  }

  @Override
  public Optional<Warning> see(Step step) {
    if (dead != (step.report().dead() > 0)) {
      dead = !dead;
      best = 0;
      slow = 0;
      clear();
    }
    rows += step.report().rows();
    steps++;
    stepSeconds += step.stepSeconds();
    dataSeconds += step.dataSeconds();
    if (steps < LEAST_STEPS || stepSeconds + dataSeconds < blockSeconds) {
      return Optional.empty();
    }
    double rate = rows / (stepSeconds + dataSeconds);
    double wait = dataSeconds / rows;
    double moreWait = wait - bestWait;
    boolean waits = moreWait > 0.5 * (1 / rate - 1 / best);
    clear();
    if (!warm) {
      warm = true;
      return Optional.empty();
    }
    if (rate > best) {
      best = rate;
      bestWait = wait;
    }
    slow = rate < SLOW * best ? slow + 1 : 0;
    return slow >= TIMES
        ? Optional.of(
            new Warning(
                step.number(),
                kind(),
                String.format(
                    Locale.ROOT,
                    "step %d: %.3g rows/s, it was %.3g: %s",
                    step.number(),
                    rate,
                    best,
                    waits ? "steps wait for rows" : "steps take longer"),
                waits
                    ? "put the --activations on a faster or local disk, in fewer and larger files"
                    : "other programs may take the cores (--threads says how many to use), or"
                        + " memory be short"))
        : Optional.empty();
  }

  private void clear() {
    rows = 0;
    steps = 0;
    stepSeconds = 0;
    dataSeconds = 0;
  }

  @Override
  public Map<String, Object> memory() {
    return Map.of();
  }

  @Override
  public void recall(Map<?, ?> memory) {
    // Nothing.
  }
}
