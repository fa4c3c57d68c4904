package io.github.sae4j.config;

import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Warnings for valid but probably unintended settings. */
public final class ConfigWarnings {
  /**
   * A warning.
   *
   * @param option the option that does not fit, by its name in files
   * @param message what does not fit, with the numbers
   * @param advice what helps; empty if the message says it
   */
  public record Warning(String option, String message, String advice) {
    /** {@return option, message and advice in one line} */
    public String text() {
      return option + ": " + message + (advice.isEmpty() ? "" : "; " + advice);
    }
  }

  private ConfigWarnings() {}

  /**
   * Looks for settings that do not fit the length of the run.
   *
   * @param config the configuration
   * @param steps optimizer steps of the run
   * @return one line per warning, with the numbers; usually none
   */
  public static List<String> of(TrainingConfig config, long steps) {
    return all(config, steps).stream().map(Warning::text).toList();
  }

  /**
   * The same, in parts.
   *
   * @param config the configuration
   * @param steps optimizer steps of the run
   * @return the warnings; usually none
   */
  public static List<Warning> all(TrainingConfig config, long steps) {
    List<Warning> warnings = new ArrayList<>();
    long warmUp = config.schedule().warmUpSteps();
    long decay = config.schedule().decaySteps();
    if (warmUp > steps) {
      warnings.add(
          new Warning(
              "lr_warm_up_steps",
              "the warm-up of " + warmUp + " steps is longer than the run of " + steps,
              ""));
    } else if (warmUp + decay > steps) {
      warnings.add(
          new Warning(
              "lr_decay_steps",
              "warm-up and decay, "
                  + (warmUp + decay)
                  + " steps together, overlap in a run of "
                  + steps,
              ""));
    }
    if (config.sae().kAnnealSteps() >= steps) {
      warnings.add(
          new Warning(
              "k_anneal_steps",
              "k falls over "
                  + config.sae().kAnnealSteps()
                  + " steps, the run has "
                  + steps
                  + ": it ends with a k above "
                  + config.sae().k(),
              ""));
    } else if (config.sae().kAnnealSteps() == 0 && config.sae().kAnnealFrom().isPresent()) {
      warnings.add(
          new Warning("k_anneal_from", "without effect unless k_anneal_steps is given", ""));
    }
    deadWindow(config, steps).ifPresent(warnings::add);
    if (config.sae().architecture() != Architecture.MATRYOSHKA
        && !config.loss().matryoshkaWidths().isEmpty()) {
      warnings.add(
          new Warning(
              "matryoshka_widths", "without effect unless the architecture is matryoshka", ""));
    }
    if (config.sae().architecture() != Architecture.TOPK
        && !config.sae().architecture().penalisesActivity()
        && config.run().recipe() == Recipe.DICTIONARY_LEARNING
        && steps <= config.sae().thresholdStartStep() + 1) {
      warnings.add(
          new Warning(
              "threshold_start_step",
              "the threshold for inference is estimated after "
                  + config.sae().thresholdStartStep()
                  + " steps, the run has "
                  + steps
                  + ": the SAE will be TopK of each row",
              ""));
    }
    ofActivity(config, warnings);
    return warnings;
  }

  /** Options of thresholds and penalties that were changed where nothing reads them. */
  private static void ofActivity(TrainingConfig config, List<Warning> warnings) {
    Architecture architecture = config.sae().architecture();
    boolean jumpRelu = architecture == Architecture.JUMPRELU;
    boolean standard = architecture == Architecture.STANDARD;
    Map<Option<?>, Boolean> read = new LinkedHashMap<>();
    read.put(TrainingOptions.K, !architecture.penalisesActivity());
    read.put(TrainingOptions.SPARSITY_COEFFICIENT, architecture.penalisesActivity());
    read.put(TrainingOptions.JUMPRELU_SPARSITY_LOSS_MODE, jumpRelu);
    read.put(TrainingOptions.TARGET_L0, jumpRelu);
    read.put(TrainingOptions.JUMPRELU_TANH_SCALE, jumpRelu);
    read.put(TrainingOptions.PRE_ACT_LOSS_COEFFICIENT, jumpRelu);
    read.put(TrainingOptions.JUMPRELU_BANDWIDTH, jumpRelu);
    read.put(TrainingOptions.JUMPRELU_INIT_THRESHOLD, jumpRelu);
    read.put(TrainingOptions.LOG_THRESHOLD, jumpRelu);
    read.put(TrainingOptions.LP_NORM, standard);
    read.put(TrainingOptions.L1_DECODER_NORM_POWER, standard || architecture == Architecture.GATED);
    read.put(TrainingOptions.APRIL_UPDATE, standard);
    Map<String, Object> values = config.toMap();
    read.forEach(
        (option, isRead) -> {
          Object usual = OptionType.plain(option.startIn(config.run().recipe()));
          if (!isRead && !Objects.equals(values.get(option.name()), usual)) {
            warnings.add(
                new Warning(
                    option.name(),
                    "without effect with architecture " + OptionType.plain(architecture),
                    ""));
          }
        });
  }

  /** A window that the run is no longer than. */
  private static Optional<Warning> deadWindow(TrainingConfig config, long steps) {
    DeadLatentRule.Counting counting = config.counting();
    boolean inSteps = counting.unit() == DeadLatentRule.Counting.Unit.STEPS;
    double longest = inSteps ? steps : (double) steps * config.rowsPerStep();
    if (config.auxK().coefficient() == 0 || longest > counting.window()) {
      return Optional.empty();
    }
    boolean byWindow = config.dead().window().isPresent();
    long tenth = Math.max(1, (byWindow ? steps : steps * config.rowsPerStep()) / 10);
    return Optional.of(
        new Warning(
            byWindow ? "dead_feature_window" : "dead_feature_tokens",
            "no latent is dead before "
                + counting.window()
                + (inSteps ? " steps" : " tokens")
                + ", the run has "
                + (long) longest
                + ": AuxK never acts",
            (byWindow ? "--dead-feature-window " : "--dead-feature-tokens ")
                + tenth
                + ", a tenth of the run, lets it"));
  }
}
