package io.github.sae4j.config;

import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Warnings for valid but probably unintended settings, of which one without effect is one. */
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

  /** An option, where it acts, and the same in words. */
  private record Effect(Option<?> option, Predicate<TrainingConfig> acts, String where) {
    /** An option of some architectures only. */
    static Effect of(Option<?> option, Set<Architecture> architectures) {
      return of(option, architectures, config -> true, "");
    }

    /** The same, of which a mode is asked too. */
    static Effect of(
        Option<?> option,
        Set<Architecture> architectures,
        Predicate<TrainingConfig> mode,
        String inWords) {
      String names =
          architectures.stream()
              .map(architecture -> OptionType.plain(architecture).toString())
              .collect(Collectors.joining(" or "));
      return new Effect(
          option,
          config -> architectures.contains(config.sae().architecture()) && mode.test(config),
          "the architecture is " + names + inWords);
    }

    private static Effect ofPenalty(Option<?> option, SparsityOptions.Loss loss) {
      return of(
          option,
          JUMPRELU,
          config -> config.sparsity().loss() == loss,
          " and "
              + TrainingOptions.JUMPRELU_SPARSITY_LOSS_MODE.name()
              + " is "
              + OptionType.plain(loss));
    }
  }

  /** Those with a threshold that is estimated, for inference. */
  private static final Set<Architecture> ESTIMATED =
      EnumSet.of(Architecture.BATCHTOPK, Architecture.MATRYOSHKA);

  private static final Set<Architecture> RANKED =
      EnumSet.of(Architecture.TOPK, Architecture.BATCHTOPK, Architecture.MATRYOSHKA);
  private static final Set<Architecture> PENALISED = EnumSet.complementOf(EnumSet.copyOf(RANKED));
  private static final Set<Architecture> JUMPRELU = EnumSet.of(Architecture.JUMPRELU);
  private static final Set<Architecture> STANDARD = EnumSet.of(Architecture.STANDARD);
  private static final Set<Architecture> MATRYOSHKA = EnumSet.of(Architecture.MATRYOSHKA);

  /**
   * Where the options act that only some architectures, or one of their modes, read. What such an
   * option is given elsewhere would be ignored without a word; what is refused elsewhere is not
   * listed.
   */
  private static final List<Effect> EFFECTS =
      List.of(
          Effect.of(TrainingOptions.K, RANKED),
          Effect.of(TrainingOptions.K_ANNEAL_STEPS, RANKED),
          Effect.of(TrainingOptions.K_ANNEAL_FROM, RANKED),
          Effect.of(TrainingOptions.RELU_BEFORE_TOPK, EnumSet.of(Architecture.TOPK)),
          Effect.of(TrainingOptions.TOPK_THRESHOLD_LR, ESTIMATED),
          Effect.of(
              TrainingOptions.THRESHOLD_START_STEP,
              ESTIMATED,
              config -> config.run().recipe() == Recipe.DICTIONARY_LEARNING,
              " and the recipe dictionary-learning"),
          Effect.of(TrainingOptions.MATRYOSHKA_WIDTHS, MATRYOSHKA),
          Effect.of(TrainingOptions.USE_MATRYOSHKA_AUX_LOSS, MATRYOSHKA),
          Effect.of(TrainingOptions.SPARSITY_COEFFICIENT, PENALISED),
          Effect.of(TrainingOptions.SPARSITY_WARM_UP_STEPS, PENALISED),
          Effect.of(TrainingOptions.JUMPRELU_SPARSITY_LOSS_MODE, JUMPRELU),
          Effect.ofPenalty(TrainingOptions.TARGET_L0, SparsityOptions.Loss.QUADRATIC),
          Effect.ofPenalty(TrainingOptions.JUMPRELU_TANH_SCALE, SparsityOptions.Loss.TANH),
          Effect.of(TrainingOptions.PRE_ACT_LOSS_COEFFICIENT, JUMPRELU),
          Effect.of(TrainingOptions.JUMPRELU_BANDWIDTH, JUMPRELU),
          Effect.of(TrainingOptions.JUMPRELU_INIT_THRESHOLD, JUMPRELU),
          Effect.of(TrainingOptions.LOG_THRESHOLD, JUMPRELU),
          Effect.of(TrainingOptions.LP_NORM, STANDARD),
          Effect.of(
              TrainingOptions.L1_DECODER_NORM_POWER,
              EnumSet.of(Architecture.STANDARD, Architecture.GATED)),
          Effect.of(TrainingOptions.APRIL_UPDATE, STANDARD),
          new Effect(
              TrainingOptions.WHITENING_EPSILON,
              TrainingConfig::whitens,
              TrainingOptions.NORMALIZE_ACTIVATIONS.name() + " is covariance_whitening"),
          new Effect(
              TrainingOptions.MSE_SCALE,
              config -> config.loss().mainLoss() == Reconstruction.Measure.SCALED_MSE,
              TrainingOptions.MAIN_LOSS.name() + " is scaled_mse"));

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
    } else if (config.sae().kAnnealSteps() == 0
        && config.sae().kAnnealFrom().isPresent()
        && !config.sae().architecture().penalisesActivity()) {
      warnings.add(
          new Warning("k_anneal_from", "without effect unless k_anneal_steps is given", ""));
    }
    deadWindow(config, steps).ifPresent(warnings::add);
    for (Effect effect : EFFECTS) {
      if (config.differsFromRecipe(effect.option()) && !effect.acts().test(config)) {
        warnings.add(
            new Warning(effect.option().name(), "without effect unless " + effect.where(), ""));
      }
    }
    if (ESTIMATED.contains(config.sae().architecture())
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
    return warnings;
  }

  /** A window that the run is no longer than. */
  private static Optional<Warning> deadWindow(TrainingConfig config, long steps) {
    DeadLatentRule.Counting counting = config.counting();
    boolean inSteps = counting.unit() == DeadLatentRule.Counting.Unit.STEPS;
    double longest = inSteps ? steps : (double) steps * config.rowsPerStep();
    boolean aux = config.auxK().coefficient() != 0;
    boolean revives = aux || config.sparsity().preActCoefficient().isPresent();
    if (!revives || longest > counting.window()) {
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
                + ": "
                + (aux ? "AuxK" : TrainingOptions.PRE_ACT_LOSS_COEFFICIENT.name())
                + " never acts",
            (byWindow ? "--dead-feature-window " : "--dead-feature-tokens ")
                + tenth
                + ", a tenth of the run, lets it"));
  }
}
