package io.github.sae4j.internal.health;

import io.github.sae4j.config.TrainingConfig;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Spikes of the main loss: a step whose loss is twice the mean of the steps before it and eight
 * mean deviations above it. The first condition leaves out the noise of large batches, which is
 * small, the second that of small ones. AuxK's loss, which begins when the first latent is dead, is
 * not counted.
 */
final class LossWatch implements Watch {
  private static final double TIMES_MEAN = 2;
  private static final double DEVIATIONS = 8;

  /** Steps that mean and deviation look back over, weights falling exponentially. */
  private static final double HORIZON = 50;

  /** Before, the loss falls too fast for a mean to say much. */
  private static final long FIRST = 100;

  private final TrainingConfig config;
  private final long steps;
  private double seen;
  private double mean;
  private double deviation;

  LossWatch(TrainingConfig config, long steps) {
    this.config = config;
    this.steps = steps;
  }

  @Override
  public String kind() {
    return "loss_spike";
  }

  @Override
  public Optional<Warning> see(Step step) {
    if (2L * step.report().rows() < config.rowsPerStep()) {
      return Optional.empty(); // the loss of few rows is too noisy
    }
    double loss = step.report().mainLoss();
    double above = loss - mean;
    Optional<Warning> warning =
        seen >= FIRST && mean > 0 && loss > TIMES_MEAN * mean && above > DEVIATIONS * deviation
            ? Optional.of(warning(step.number(), loss))
            : Optional.empty();
    seen++;
    double weight = 1 / Math.min(seen, HORIZON);
    deviation += weight * (Math.abs(above) - deviation);
    mean += weight * above;
    return warning;
  }

  private Warning warning(long step, double loss) {
    String advice;
    if (config.optimizer().clipGradNorm().isEmpty()) {
      advice = "--clip-grad-norm 1 bounds what one batch can do; a lower --lr helps too";
    } else if (config.schedule().warmUpSteps() == 0) {
      advice =
          "a lower --lr helps, or --lr-warm-up-steps "
              + Math.max(1, steps / 20)
              + "; --mask leaves out rows that are far longer than the others";
    } else {
      advice = "a lower --lr helps; --mask leaves out rows that are far longer than the others";
    }
    return new Warning(
        step,
        kind(),
        String.format(
            Locale.ROOT,
            "step %d: the main loss, %.4g, is %.1f times the mean of the steps before it, %.4g",
            step,
            loss,
            loss / mean,
            mean),
        advice);
  }

  @Override
  public Map<String, Object> memory() {
    Map<String, Object> memory = new LinkedHashMap<>();
    memory.put("seen", seen);
    memory.put("mean", mean);
    memory.put("deviation", deviation);
    return memory;
  }

  @Override
  public void recall(Map<?, ?> memory) {
    seen = Watch.number(memory, "seen");
    mean = Watch.number(memory, "mean");
    deviation = Watch.number(memory, "deviation");
  }
}
