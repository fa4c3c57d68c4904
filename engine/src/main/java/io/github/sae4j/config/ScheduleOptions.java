package io.github.sae4j.config;

import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.OptionValues;
import io.github.sae4j.options.Recipe;
import java.util.OptionalDouble;

/**
 * The learning rate over a run.
 *
 * @param lr peak learning rate; empty for {@link Recipe#autoLearningRate}
 * @param scheduler its shape
 * @param warmUpSteps optimizer steps of warm-up
 * @param decaySteps optimizer steps of decay to 0 at the end
 * @param lrEnd floor of the cosine schedules; empty for lr / 10
 * @param restartCycles number of cycles with warm restarts
 */
public record ScheduleOptions(
    OptionalDouble lr,
    LrScheduler scheduler,
    long warmUpSteps,
    long decaySteps,
    OptionalDouble lrEnd,
    int restartCycles) {

  /** Checks what the table cannot: options together. */
  public ScheduleOptions {
    boolean cosine =
        scheduler == LrScheduler.COSINEANNEALING
            || scheduler == LrScheduler.COSINEANNEALINGWARMRESTARTS;
    if (cosine && decaySteps > 0 && lrEnd.orElse(1) == 0) {
      throw new ConfigException(
          TrainingOptions.LR_END.name(),
          "expected more than 0 where lr_decay_steps = "
              + decaySteps
              + " steps lead from it to 0, got 0");
    }
    if (scheduler == LrScheduler.LINEAR && decaySteps > 0) {
      throw new ConfigException(
          TrainingOptions.LR_DECAY_STEPS.name(),
          "expected 0 with lr_scheduler linear, which decays over the whole run, got "
              + decaySteps);
    }
  }

  static ScheduleOptions of(OptionValues values) {
    return new ScheduleOptions(
        values.get(TrainingOptions.LR),
        values.get(TrainingOptions.LR_SCHEDULER),
        values.get(TrainingOptions.LR_WARM_UP_STEPS),
        values.get(TrainingOptions.LR_DECAY_STEPS),
        values.get(TrainingOptions.LR_END),
        values.get(TrainingOptions.N_RESTART_CYCLES));
  }
}
