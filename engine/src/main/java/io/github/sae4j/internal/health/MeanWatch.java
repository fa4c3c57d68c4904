package io.github.sae4j.internal.health;

import io.github.sae4j.config.ActivationNormalization;
import io.github.sae4j.config.BDecInit;
import io.github.sae4j.config.TrainingConfig;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reconstructions worse than the batch's mean: FVU above 1 where it is measured, three times in a
 * row or at the last step, once the run should be past its beginning. There every run has it whose
 * rows have a mean that b_dec does not start at.
 */
final class MeanWatch implements Watch {
  private static final double TIMES = 3;

  /** The beginning: this many steps, a tenth of the run, and the warm-up. */
  private static final long FIRST = 100;

  private final TrainingConfig config;
  private final long beginning;
  private double times;

  MeanWatch(TrainingConfig config, long steps) {
    this.config = config;
    beginning = Math.max(Math.max(FIRST, steps / 10), config.schedule().warmUpSteps());
  }

  @Override
  public String kind() {
    return "worse_than_mean";
  }

  @Override
  public Optional<Warning> see(Step step) {
    double fvu = step.report().fvu();
    if (Double.isNaN(fvu) || step.number() < beginning) {
      return Optional.empty();
    }
    times = fvu > 1 ? times + 1 : 0;
    return times >= TIMES || (step.last() && times > 0)
        ? Optional.of(warning(step.number(), fvu))
        : Optional.empty();
  }

  private Warning warning(long step, double fvu) {
    String advice =
        config.start().bDecInitMethod() == BDecInit.ZEROS
            ? "--b-dec-init-method geometric_median starts at the middle of the rows; "
            : "";
    advice +=
        config.data().normalizeActivations() == ActivationNormalization.NONE
            ? "--normalize-activations expected_average_only_in makes --lr independent of their"
                + " length; otherwise try a lower or higher --lr"
            : "try a lower or higher --lr";
    return new Warning(
        step,
        kind(),
        String.format(
            Locale.ROOT,
            "step %d: FVU is %.4g, above 1: the reconstruction is worse than the batch's mean",
            step,
            fvu),
        advice);
  }

  @Override
  public Map<String, Object> memory() {
    Map<String, Object> memory = new LinkedHashMap<>();
    memory.put("times", times);
    return memory;
  }

  @Override
  public void recall(Map<?, ?> memory) {
    times = Watch.number(memory, "times");
  }
}
