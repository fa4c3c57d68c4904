package io.github.sae4j.training;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * All options of training: what is computed, not where or how it is shown. Options are named as
 * SAELens names them; in files and on the command line a component's name is written in snake case
 * ({@code dSae} is {@code d_sae}), and an empty optional is {@code null}, {@code auto} or {@code
 * none}. The defaults of every recipe stand in {@link Recipe}.
 *
 * <p>Exactly one is given of {@code d_sae} and {@code expansion_factor}; of {@code
 * training_samples}, {@code epochs} and {@code steps}; of {@code dead_feature_window} and {@code
 * dead_feature_tokens}. Setting one clears the others.
 *
 * @param recipe the peer whose training is followed; says where the other options start
 * @param dSae number of latents
 * @param expansionFactor number of latents over d_in
 * @param k latents per row
 * @param trainBatchSize rows of a micro-batch; an optimizer step has {@link #rowsPerStep()}
 * @param gradientAccumulation micro-batches of an optimizer step
 * @param trainingSamples length of the run in rows
 * @param epochs length of the run in passes over the training rows
 * @param steps length of the run in optimizer steps
 * @param lr peak learning rate; auto is {@link Recipe#autoLearningRate}
 * @param lrScheduler its shape
 * @param lrWarmUpSteps optimizer steps of warm-up
 * @param lrDecaySteps optimizer steps of decay to 0 at the end
 * @param lrEnd floor of the cosine schedules; auto is lr / 10
 * @param nRestartCycles number of cycles with warm restarts
 * @param adamBeta1 Adam's β₁
 * @param adamBeta2 Adam's β₂
 * @param adamEpsilon Adam's ε
 * @param clipGradNorm largest global norm of the gradient, if clipped
 * @param mainLoss the main loss
 * @param mseScale factor of {@code scaled_mse}; auto is 1 over the variance per element of a sample
 *     of the data
 * @param reluBeforeTopk rank max(v, 0) instead of v
 * @param rescaleActsByDecoderNorm rank by pre-activation times decoder norm
 * @param applyBDecToInput encode x − b_dec instead of x
 * @param normalizeActivations what is done to the rows
 * @param multiTopk adds FVU of a 4k reconstruction with weight 1/8
 * @param auxLossCoefficient weight of AuxK ({@code auxk_alpha}); 0 switches it off
 * @param auxk dead latents per row; auto is {@code auxk_rule}
 * @param auxkRule how many where {@code auxk} is auto
 * @param auxScaledByDead whether AuxK is multiplied by min(n_dead / k_aux, 1)
 * @param detachResidual whether AuxK's target is a constant for the gradient
 * @param auxRelu whether AuxK codes pass through ReLU
 * @param auxBDec how b_dec enters AuxK's reconstruction; true and false stand for included and
 *     excluded
 * @param auxNormalizer what AuxK is divided by
 * @param fired when a latent counts as firing
 * @param deadFeatureWindow optimizer steps without firing after which a latent is dead
 * @param deadFeatureTokens rows without firing after which a latent is dead
 * @param deadTokensAsSteps whether {@code dead_feature_tokens} is divided by the rows of a step,
 *     rounded down, and steps are counted (OpenAI)
 * @param deadInclusive whether a latent is dead already at the window, not only past it
 * @param deadMaskAfterStep whether the dead mask is taken after this step's count
 * @param sinceFiredRestart counter of a latent that has just fired
 * @param normalizeDecoder when decoder rows are brought to unit norm; true and false stand for
 *     before_forward and free
 * @param normalizeDecoderEpsilon added to the norm
 * @param projectDecoderGradient removes the decoder gradient's part parallel to its row
 * @param projectEpsilon added to the norm there; 0 takes rows as they are
 * @param weightInit how encoder and decoder start
 * @param decoderInitNorm norm of the decoder's rows at the start; empty leaves them as drawn
 * @param bDecInitMethod where b_dec starts
 * @param seed seed of everything random
 * @param shuffleSeed seed of the order of rows; auto is {@code seed}
 * @param evalFraction share of the rows kept out of training
 */
public record TrainingConfig(
    Recipe recipe,
    OptionalInt dSae,
    OptionalDouble expansionFactor,
    int k,
    int trainBatchSize,
    int gradientAccumulation,
    OptionalLong trainingSamples,
    OptionalDouble epochs,
    OptionalLong steps,
    OptionalDouble lr,
    LrScheduler lrScheduler,
    long lrWarmUpSteps,
    long lrDecaySteps,
    OptionalDouble lrEnd,
    int nRestartCycles,
    double adamBeta1,
    double adamBeta2,
    double adamEpsilon,
    OptionalDouble clipGradNorm,
    Reconstruction.Measure mainLoss,
    OptionalDouble mseScale,
    boolean reluBeforeTopk,
    boolean rescaleActsByDecoderNorm,
    boolean applyBDecToInput,
    ActivationNormalization normalizeActivations,
    boolean multiTopk,
    double auxLossCoefficient,
    OptionalInt auxk,
    AuxKRule auxkRule,
    boolean auxScaledByDead,
    boolean detachResidual,
    boolean auxRelu,
    AuxK.BDec auxBDec,
    AuxK.Normalizer auxNormalizer,
    DeadLatentRule.Fired fired,
    OptionalLong deadFeatureWindow,
    OptionalLong deadFeatureTokens,
    boolean deadTokensAsSteps,
    boolean deadInclusive,
    boolean deadMaskAfterStep,
    long sinceFiredRestart,
    DecoderNormRule.When normalizeDecoder,
    double normalizeDecoderEpsilon,
    boolean projectDecoderGradient,
    double projectEpsilon,
    WeightInit weightInit,
    OptionalDouble decoderInitNorm,
    BDecInit bDecInitMethod,
    long seed,
    OptionalLong shuffleSeed,
    double evalFraction) {

  /** SAELens's {@code lr_end} where none is given is lr over this. */
  private static final double LR_END_DIVISOR = 10;

  /** Checks every option and the combinations that need no data. */
  public TrainingConfig {
    expect(dSae.orElse(1) >= 1, "d_sae", "at least 1", dSae);
    expect(expansionFactor.orElse(1) > 0, "expansion_factor", "more than 0", expansionFactor);
    expect(
        dSae.isPresent() != expansionFactor.isPresent(),
        "d_sae",
        "either d_sae or expansion_factor",
        dSae.isPresent() ? "both" : "neither");
    expect(k >= 1, "k", "at least 1", k);
    expect(trainBatchSize >= 1, "train_batch_size", "at least 1", trainBatchSize);
    expect(gradientAccumulation >= 1, "gradient_accumulation", "at least 1", gradientAccumulation);
    expect(
        (long) trainBatchSize * gradientAccumulation <= Integer.MAX_VALUE,
        "gradient_accumulation",
        "less than 2^31 rows in an optimizer step",
        gradientAccumulation);
    expect(trainingSamples.orElse(1) >= 1, "training_samples", "at least 1", trainingSamples);
    expect(epochs.orElse(1) > 0, "epochs", "more than 0", epochs);
    expect(steps.orElse(1) >= 1, "steps", "at least 1", steps);
    expect(
        count(trainingSamples.isPresent(), epochs.isPresent(), steps.isPresent()) == 1,
        "training_samples",
        "one of training_samples, epochs and steps",
        count(trainingSamples.isPresent(), epochs.isPresent(), steps.isPresent()) + " of them");
    expect(lr.orElse(0) >= 0, "lr", "at least 0", lr);
    expect(lrWarmUpSteps >= 0, "lr_warm_up_steps", "at least 0", lrWarmUpSteps);
    expect(lrDecaySteps >= 0, "lr_decay_steps", "at least 0", lrDecaySteps);
    expect(lrEnd.orElse(0) >= 0, "lr_end", "at least 0", lrEnd);
    boolean cosine =
        lrScheduler == LrScheduler.COSINEANNEALING
            || lrScheduler == LrScheduler.COSINEANNEALINGWARMRESTARTS;
    expect(
        !(cosine && lrDecaySteps > 0 && lrEnd.orElse(1) == 0),
        "lr_end",
        "more than 0 where lr_decay_steps = " + lrDecaySteps + " steps lead from it to 0",
        lrEnd);
    expect(
        lrScheduler != LrScheduler.LINEAR || lrDecaySteps == 0,
        "lr_decay_steps",
        "0 with lr_scheduler linear, which decays over the whole run",
        lrDecaySteps);
    expect(nRestartCycles >= 1, "n_restart_cycles", "at least 1", nRestartCycles);
    expect(adamBeta1 >= 0 && adamBeta1 < 1, "adam_beta1", "at least 0 and less than 1", adamBeta1);
    expect(adamBeta2 >= 0 && adamBeta2 < 1, "adam_beta2", "at least 0 and less than 1", adamBeta2);
    // With 0 a latent that never had a gradient would be moved by 0/0.
    expect((float) adamEpsilon > 0, "adam_epsilon", "more than 0 in f32", adamEpsilon);
    expect(clipGradNorm.orElse(1) > 0, "clip_grad_norm", "more than 0", clipGradNorm);
    expect(mseScale.orElse(1) > 0, "mse_scale", "more than 0", mseScale);
    expect(auxLossCoefficient >= 0, "aux_loss_coefficient", "at least 0", auxLossCoefficient);
    expect(
        auxLossCoefficient == 0
            || normalizeActivations == ActivationNormalization.NONE
            || normalizeActivations == ActivationNormalization.EXPECTED_AVERAGE_ONLY_IN,
        "aux_loss_coefficient",
        "0 with normalize_activations "
            + ConfigOptions.plain(normalizeActivations)
            + ", for which AuxK is not defined",
        auxLossCoefficient);
    expect(auxk.orElse(1) >= 1, "auxk", "at least 1", auxk);
    expect(
        deadFeatureWindow.orElse(0) >= 0, "dead_feature_window", "at least 0", deadFeatureWindow);
    expect(
        deadFeatureTokens.orElse(0) >= 0, "dead_feature_tokens", "at least 0", deadFeatureTokens);
    expect(
        deadFeatureWindow.isPresent() != deadFeatureTokens.isPresent(),
        "dead_feature_window",
        "either dead_feature_window or dead_feature_tokens",
        deadFeatureWindow.isPresent() ? "both" : "neither");
    expect(sinceFiredRestart >= 0, "since_fired_restart", "at least 0", sinceFiredRestart);
    expect(
        normalizeDecoderEpsilon >= 0,
        "normalize_decoder_epsilon",
        "at least 0",
        normalizeDecoderEpsilon);
    expect(projectEpsilon >= 0, "project_epsilon", "at least 0", projectEpsilon);
    expect(decoderInitNorm.orElse(1) > 0, "decoder_init_norm", "more than 0", decoderInitNorm);
    expect(
        evalFraction >= 0 && evalFraction < 1,
        "eval_fraction",
        "at least 0 and less than 1",
        evalFraction);
  }

  private static void expect(boolean holds, String option, String expected, Object got) {
    if (!holds) {
      throw new ConfigException(
          option, "expected " + expected + ", got " + ConfigOptions.plain(got));
    }
  }

  private static int count(boolean... present) {
    int count = 0;
    for (boolean one : present) {
      count += one ? 1 : 0;
    }
    return count;
  }

  /**
   * A recipe with all its defaults.
   *
   * @param recipe the recipe
   * @return its configuration
   */
  public static TrainingConfig of(Recipe recipe) {
    return fromMap(Map.of("recipe", recipe.toString()));
  }

  /**
   * Builds a configuration from option values; options that are not given are the recipe's, and the
   * recipe is {@code saelens} unless given. Inverse of {@link #toMap()}.
   *
   * @param options names and values: numbers, booleans, text, or null
   * @return the configuration
   * @throws ConfigException if an option is unknown, given twice or out of range
   */
  public static TrainingConfig fromMap(Map<String, ?> options) {
    return fromLayers(List.of(options));
  }

  /**
   * Builds a configuration from several sources, later ones winning: for instance a file, then the
   * command line. The recipe is the last one named, whichever source names it.
   *
   * @param layers names and values each, as for {@link #fromMap}
   * @return the configuration
   * @throws ConfigException if an option is unknown, given twice in one layer, or out of range
   */
  public static TrainingConfig fromLayers(List<? extends Map<String, ?>> layers) {
    Recipe recipe = Recipe.SAELENS;
    for (Map<String, ?> layer : layers) {
      for (Map.Entry<String, ?> entry : layer.entrySet()) {
        if (ConfigOptions.canonical(entry.getKey()).equals("recipe")) {
          recipe = (Recipe) ConfigOptions.parse("recipe", entry.getValue());
        }
      }
    }
    Map<String, Object> values = new LinkedHashMap<>();
    ConfigOptions.apply(values, Recipe.SAELENS.options());
    if (recipe != Recipe.SAELENS) {
      ConfigOptions.apply(values, recipe.options());
    }
    for (Map<String, ?> layer : layers) {
      ConfigOptions.apply(values, layer);
    }
    values.put("recipe", recipe);
    return ConfigOptions.build(values);
  }

  /**
   * This configuration with one option changed. Changing the recipe starts again from that recipe's
   * defaults.
   *
   * @param option its name, as {@code d_sae}, {@code d-sae} or {@code dSae}
   * @param value number, boolean or text; null, {@code auto} or {@code none} for an empty optional
   * @return the changed configuration
   * @throws ConfigException if there is no such option (the message names the nearest), or its
   *     value is out of range
   */
  public TrainingConfig with(String option, Object value) {
    Map<String, Object> change = Collections.singletonMap(option, value);
    if (ConfigOptions.canonical(option).equals("recipe")) {
      return fromMap(change);
    }
    return fromLayers(List.of(toMap(), change));
  }

  /**
   * All options by their names in files, in the order of this record.
   *
   * @return values of JSON's kinds: {@code Long}, {@code Double}, {@code Boolean}, {@code String}
   *     or null
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    for (String name : ConfigOptions.names()) {
      map.put(name, ConfigOptions.plain(ConfigOptions.get(this, name)));
    }
    return map;
  }

  /**
   * Number of latents.
   *
   * @param dIn width of the input
   * @return {@code d_sae}, or {@code expansion_factor} times d_in rounded down
   * @throws ConfigException if that is not between k and 2^31 − 1
   */
  public int dSae(int dIn) {
    double latents = dSae.isPresent() ? dSae.getAsInt() : expansionFactor.getAsDouble() * dIn;
    expect(
        latents >= 1 && latents <= Integer.MAX_VALUE,
        "expansion_factor",
        "1 to 2^31 - 1 latents",
        latents);
    expect(k <= (int) latents, "k", "at most d_sae = " + (int) latents, k);
    return (int) latents;
  }

  /**
   * Rows of an optimizer step.
   *
   * @return train_batch_size · gradient_accumulation
   */
  public int rowsPerStep() {
    return trainBatchSize * gradientAccumulation;
  }

  /**
   * Length of the run in rows.
   *
   * @param trainingRows rows of the training data
   * @return rows that are trained on, repetitions counted; at least 1
   */
  public long samples(long trainingRows) {
    if (steps.isPresent()) {
      expect(
          steps.getAsLong() <= Long.MAX_VALUE / rowsPerStep(),
          "steps",
          "less than 2^63 rows in all",
          steps);
      return steps.getAsLong() * rowsPerStep();
    }
    if (trainingSamples.isPresent()) {
      return trainingSamples.getAsLong();
    }
    double rows = epochs.getAsDouble() * trainingRows;
    expect(rows < Long.MAX_VALUE, "epochs", "less than 2^63 rows in all", epochs);
    return Math.max((long) rows, 1);
  }

  /**
   * Length of the run in optimizer steps; the last one may be short.
   *
   * @param trainingRows rows of the training data
   * @return steps
   */
  public long steps(long trainingRows) {
    return Math.ceilDiv(samples(trainingRows), (long) rowsPerStep());
  }

  /**
   * The learning rate of every step.
   *
   * @param dSae number of latents
   * @param steps optimizer steps of the run
   * @return the schedule
   */
  public LearningRate learningRate(int dSae, long steps) {
    double peak = lr.orElse(recipe.autoLearningRate(dSae));
    return new LearningRate(
        lrScheduler,
        peak,
        lrEnd.orElse(peak / LR_END_DIVISOR),
        lrWarmUpSteps,
        lrDecaySteps,
        nRestartCycles,
        steps);
  }

  /**
   * How dead latents are counted.
   *
   * @return unit, window and the rest
   */
  public DeadLatentRule.Counting counting() {
    boolean inSteps = deadFeatureWindow.isPresent() || deadTokensAsSteps;
    long window =
        deadFeatureWindow.isPresent()
            ? deadFeatureWindow.getAsLong()
            : deadFeatureTokens.getAsLong() / (deadTokensAsSteps ? rowsPerStep() : 1);
    return new DeadLatentRule.Counting(
        inSteps ? DeadLatentRule.Counting.Unit.STEPS : DeadLatentRule.Counting.Unit.TOKENS,
        window,
        deadInclusive,
        deadMaskAfterStep,
        sinceFiredRestart);
  }

  /**
   * The AuxK term. A coefficient of 0, or a k_aux of 0 (half of d_in = 1), switches it off.
   *
   * @param dIn width of the input
   * @return the term, if there is one
   */
  public Optional<AuxK> aux(int dIn) {
    int kAux =
        auxk.orElse(
            switch (auxkRule) {
              case HALF_D_IN -> dIn / 2;
              case HALF_D_SAE -> dSae(dIn) / 2;
            });
    if (kAux == 0 || auxLossCoefficient == 0) {
      return Optional.empty();
    }
    return Optional.of(
        new AuxK(
            auxLossCoefficient,
            kAux,
            auxScaledByDead,
            detachResidual,
            auxRelu,
            auxBDec,
            auxNormalizer));
  }

  /**
   * Whether {@link #stepSpec} needs a value of {@code mse_scale} measured on the data.
   *
   * @return true if the main loss is scaled and its scale is auto
   */
  public boolean needsMseScale() {
    return mainLoss == Reconstruction.Measure.SCALED_MSE && mseScale.isEmpty();
  }

  /**
   * What a device computes in one optimizer step.
   *
   * @param dIn width of the input
   * @param measuredMseScale 1 over the variance per element of a sample of the data; used only if
   *     {@link #needsMseScale()}
   * @return the step
   * @throws ConfigException if options do not fit d_in, or the measured scale is needed and not
   *     positive and finite (activations without variance)
   */
  public StepSpec stepSpec(int dIn, OptionalDouble measuredMseScale) {
    int latents = dSae(dIn);
    double scale = 1;
    if (mainLoss == Reconstruction.Measure.SCALED_MSE) {
      scale = mseScale.orElse(measuredMseScale.orElse(Double.NaN));
      expect(
          scale > 0 && scale < Double.POSITIVE_INFINITY,
          "mse_scale",
          "a positive number (1 over the variance of the activations)",
          scale);
    }
    List<Term> terms = new ArrayList<>();
    terms.add(new Reconstruction(mainLoss, scale));
    if (multiTopk) {
      terms.add(MultiTopK.SPARSIFY);
    }
    aux(dIn).ifPresent(terms::add);
    return new StepSpec(
        new StepShape(dIn, dIn, latents, rowsPerStep(), trainBatchSize),
        new Forward(
            activation(),
            rescaleActsByDecoderNorm,
            applyBDecToInput,
            normalizeActivations.inputNormalization(),
            1f),
        new Objective(terms),
        new Optimizer(adamBeta1, adamBeta2, adamEpsilon, clipGradNorm),
        new DeadLatentRule(fired, counting()),
        new DecoderNormRule(
            normalizeDecoder,
            (float) normalizeDecoderEpsilon,
            projectDecoderGradient,
            (float) projectEpsilon));
  }

  /**
   * How latents become active.
   *
   * @return the k largest of a row
   */
  public Activation.Ranked activation() {
    return Activation.Ranked.topK(
        k, reluBeforeTopk ? Activation.Ranked.Relu.BEFORE : Activation.Ranked.Relu.AFTER);
  }
}
