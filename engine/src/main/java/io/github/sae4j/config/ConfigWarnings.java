package io.github.sae4j.config;

import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import java.util.ArrayList;
import java.util.List;

/** Warnings for valid but probably unintended settings. */
public final class ConfigWarnings {
  private ConfigWarnings() {}

  /**
   * Looks for settings that do not fit the length of the run.
   *
   * @param config the configuration
   * @param steps optimizer steps of the run
   * @return one line per warning, with the numbers; usually none
   */
  public static List<String> of(TrainingConfig config, long steps) {
    List<String> lines = new ArrayList<>();
    long warmUp = config.schedule().warmUpSteps();
    long decay = config.schedule().decaySteps();
    if (warmUp > steps) {
      lines.add(
          "lr_warm_up_steps: the warm-up of "
              + warmUp
              + " steps is longer than the run of "
              + steps);
    } else if (warmUp + decay > steps) {
      lines.add(
          "lr_decay_steps: warm-up and decay, "
              + (warmUp + decay)
              + " steps together, overlap in a run of "
              + steps);
    }
    if (config.sae().kAnnealSteps() >= steps) {
      lines.add(
          "k_anneal_steps: k falls over "
              + config.sae().kAnnealSteps()
              + " steps, the run has "
              + steps
              + ": it ends with a k above "
              + config.sae().k());
    } else if (config.sae().kAnnealSteps() == 0 && config.sae().kAnnealFrom().isPresent()) {
      lines.add("k_anneal_from: without effect unless k_anneal_steps is given");
    }
    DeadLatentRule.Counting counting = config.counting();
    boolean inSteps = counting.unit() == DeadLatentRule.Counting.Unit.STEPS;
    double longest = inSteps ? steps : (double) steps * config.rowsPerStep();
    if (config.auxK().coefficient() > 0 && longest <= counting.window()) {
      lines.add(
          (config.dead().window().isPresent() ? "dead_feature_window" : "dead_feature_tokens")
              + ": no latent is dead before "
              + counting.window()
              + (inSteps ? " steps" : " tokens")
              + ", the run has "
              + (long) longest
              + ": AuxK never acts");
    }
    if (config.sae().architecture() != Architecture.MATRYOSHKA
        && !config.loss().matryoshkaWidths().isEmpty()) {
      lines.add("matryoshka_widths: without effect unless the architecture is matryoshka");
    }
    if (config.sae().architecture() != Architecture.TOPK
        && config.run().recipe() == Recipe.DICTIONARY_LEARNING
        && steps <= config.sae().thresholdStartStep() + 1) {
      lines.add(
          "threshold_start_step: the threshold for inference is estimated after "
              + config.sae().thresholdStartStep()
              + " steps, the run has "
              + steps
              + ": the SAE will be TopK of each row");
    }
    return lines;
  }
}
