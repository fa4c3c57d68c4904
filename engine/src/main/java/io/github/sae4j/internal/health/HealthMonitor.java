package io.github.sae4j.internal.health;

import io.github.sae4j.config.TrainingConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Watches a run, step by step. Its thresholds, with reasons, are in {@code docs/training.md}. What
 * it finds depends on the steps alone, except for throughput.
 */
public final class HealthMonitor {
  /** Seconds over which throughput is taken: long beside a pause of the machine. */
  private static final double BLOCK_SECONDS = 10;

  private final List<Watch> watches;

  /**
   * A monitor of a run.
   *
   * @param config what is trained
   * @param dSae number of latents
   * @param steps steps of the whole run
   */
  public HealthMonitor(TrainingConfig config, int dSae, long steps) {
    this(config, dSae, steps, BLOCK_SECONDS);
  }

  /**
   * The same, with other blocks of time.
   *
   * @param config what is trained
   * @param dSae number of latents
   * @param steps steps of the whole run
   * @param blockSeconds seconds over which throughput is taken
   */
  public HealthMonitor(TrainingConfig config, int dSae, long steps, double blockSeconds) {
    watches =
        List.of(
            new DeadLatentsWatch(config, dSae, steps),
            new LossWatch(config, steps),
            new MeanWatch(config, steps),
            new SpeedWatch(blockSeconds));
  }

  /**
   * Takes the next step.
   *
   * @param step the step; one without rows is passed over
   * @return what it gives reason to warn of, of each kind again and again while the reason lasts;
   *     usually nothing
   */
  public List<Warning> see(Step step) {
    if (step.report().rows() == 0) {
      return List.of();
    }
    List<Warning> warnings = List.of();
    for (Watch watch : watches) {
      var warning = watch.see(step);
      if (warning.isPresent()) {
        warnings = new ArrayList<>(warnings);
        warnings.add(warning.get());
      }
    }
    return warnings;
  }

  /** {@return what the monitor remembers of the steps so far, as JSON's values} */
  public Map<String, Object> memory() {
    Map<String, Object> memory = new LinkedHashMap<>();
    for (Watch watch : watches) {
      if (!watch.memory().isEmpty()) {
        memory.put(watch.kind(), watch.memory());
      }
    }
    return memory;
  }

  /**
   * Takes up what another monitor remembered.
   *
   * @param memory from {@link #memory}; anything else counts as nothing
   */
  public void recall(Object memory) {
    if (memory instanceof Map<?, ?> all) {
      for (Watch watch : watches) {
        if (all.get(watch.kind()) instanceof Map<?, ?> one) {
          watch.recall(one);
        }
      }
    }
  }
}
