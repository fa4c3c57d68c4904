package io.github.sae4j.config;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionType;
import io.github.sae4j.options.OptionValues;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.KAnnealing;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.RunningThreshold;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainedGate;
import io.github.sae4j.step.TrainingState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * What training computes, not where it runs or how it is reported: a value for each row of {@link
 * TrainingOptions}, grouped by concern. Immutable. Options are named as SAELens names them ({@code
 * d_sae}); an empty optional is null, {@code auto} or {@code none}.
 */
public final class TrainingConfig {
  /** SAELens's default {@code lr_end} is lr divided by this. */
  private static final double LR_END_DIVISOR = 10;

  private final OptionValues values;
  private final RunOptions run;
  private final AutoencoderOptions sae;
  private final DataOptions data;
  private final LossOptions loss;
  private final SparsityOptions sparsity;
  private final AuxKOptions auxK;
  private final DeadLatentOptions dead;
  private final ScheduleOptions schedule;
  private final OptimizerOptions optimizer;
  private final StartOptions start;

  private TrainingConfig(OptionValues values) {
    this.values = values;
    run = RunOptions.of(values);
    sae = AutoencoderOptions.of(values);
    data = DataOptions.of(values);
    loss = LossOptions.of(values);
    sparsity = SparsityOptions.of(values);
    auxK = AuxKOptions.of(values);
    dead = DeadLatentOptions.of(values);
    schedule = ScheduleOptions.of(values);
    optimizer = OptimizerOptions.of(values);
    start = StartOptions.of(values);
    ActivationNormalization normalization = data.normalizeActivations();
    expectContrast(normalization);
    expect(
        auxK.coefficient() == 0
            || contrastive()
            || normalization == ActivationNormalization.NONE
            || normalization == ActivationNormalization.EXPECTED_AVERAGE_ONLY_IN
            || whitens(),
        TrainingOptions.AUX_LOSS_COEFFICIENT,
        "0 with normalize_activations "
            + OptionType.plain(normalization)
            + ", for which AuxK is not defined",
        auxK.coefficient());
    Architecture architecture = sae.architecture();
    expectPairs(architecture);
    expect(
        architecture.recipes().contains(run.recipe()),
        TrainingOptions.ARCHITECTURE,
        "one that recipe " + run.recipe() + " trains (" + trainedBy(run.recipe()) + ")",
        architecture);
    if (architecture.penalisesActivity()) {
      checkActivity();
    } else if (architecture != Architecture.TOPK) {
      String name = OptionType.plain(architecture).toString();
      expect(
          data.gradientAccumulation() == 1,
          TrainingOptions.GRADIENT_ACCUMULATION,
          "1 with " + name + ", where the latents of a whole batch compete",
          data.gradientAccumulation());
      expect(!loss.multiTopk(), TrainingOptions.MULTI_TOPK, "false with " + name, true);
    }
    if (architecture == Architecture.MATRYOSHKA) {
      expect(
          loss.mainLoss() == Reconstruction.Measure.SQUARED_ERROR,
          TrainingOptions.MAIN_LOSS,
          "squared_error with matryoshka",
          loss.mainLoss());
    }
  }

  /** Whether the step is that of contrastive codes, with tied weights. */
  private boolean contrastive() {
    return run.recipe() == Recipe.SENTENCE_TRANSFORMERS;
  }

  /** {@return whether a map measured on the data whitens every row before the step} */
  public boolean whitens() {
    return data.normalizeActivations() == ActivationNormalization.COVARIANCE_WHITENING;
  }

  private void expectContrast(ActivationNormalization normalization) {
    expect(
        loss.contrastiveCoefficient().isPresent() == contrastive(),
        TrainingOptions.CONTRASTIVE_COEFFICIENT,
        contrastive() ? "a number" : "none but with recipe sentence-transformers",
        loss.contrastiveCoefficient());
    expect(
        contrastive() || sae.pairs() != Pairs.POSITIVES,
        TrainingOptions.PAIRS,
        "no positives but with recipe sentence-transformers",
        sae.pairs());
    if (!contrastive()) {
      return;
    }
    expect(
        sae.pairs() != Pairs.TARGETS,
        TrainingOptions.PAIRS,
        "no targets with recipe sentence-transformers",
        sae.pairs());
    expect(
        normalization == ActivationNormalization.NONE
            || normalization == ActivationNormalization.LAYER_NORM,
        TrainingOptions.NORMALIZE_ACTIVATIONS,
        "none or layer_norm with recipe sentence-transformers",
        normalization);
    WeightInit init = start.weightInit();
    expect(
        init == WeightInit.DECODER_TRANSPOSE || init == WeightInit.ENCODER_CLONE,
        TrainingOptions.WEIGHT_INIT,
        "decoder_transpose or encoder_clone with recipe sentence-transformers, where one matrix is"
            + " encoder and decoder",
        init);
    TrainingOptions.WITH_CONTRAST.forEach(
        (option, value) ->
            expect(
                values.get(option).equals(value),
                option,
                OptionType.plain(value) + " with recipe sentence-transformers",
                values.get(option)));
  }

  /** What jumprelu, standard and gated leave open, and what not. */
  private void checkActivity() {
    String name = OptionType.plain(sae.architecture()).toString();
    expect(
        data.gradientAccumulation() == 1,
        TrainingOptions.GRADIENT_ACCUMULATION,
        "1 with " + name + ", whose memory a larger train_batch_size does not strain",
        data.gradientAccumulation());
    expect(
        loss.mainLoss() == Reconstruction.Measure.SQUARED_ERROR,
        TrainingOptions.MAIN_LOSS,
        "squared_error with " + name,
        loss.mainLoss());
    expect(!loss.multiTopk(), TrainingOptions.MULTI_TOPK, "false with " + name, true);
    expect(
        auxK.coefficient() == 0,
        TrainingOptions.AUX_LOSS_COEFFICIENT,
        "0 with "
            + name
            + (sae.architecture() == Architecture.JUMPRELU
                ? ", whose dead latents pre_act_loss_coefficient revives"
                : ""),
        auxK.coefficient());
    expect(
        !sae.rescaleActsByDecoderNorm(),
        TrainingOptions.RESCALE_ACTS_BY_DECODER_NORM,
        "false with " + name,
        true);
    if (sae.architecture() == Architecture.JUMPRELU) {
      expect(
          !sparsity.logThreshold() || run.recipe() == Recipe.SAELENS,
          TrainingOptions.LOG_THRESHOLD,
          "false with recipe " + run.recipe() + ": only saelens trained logarithms",
          true);
      expect(
          !sparsity.logThreshold() || sparsity.initThreshold() > 0,
          TrainingOptions.JUMPRELU_INIT_THRESHOLD,
          "more than 0 with log_threshold",
          sparsity.initThreshold());
      expect(
          run.recipe() == Recipe.SAELENS || sparsity.loss() == SparsityOptions.Loss.QUADRATIC,
          TrainingOptions.JUMPRELU_SPARSITY_LOSS_MODE,
          "quadratic with recipe " + run.recipe(),
          sparsity.loss());
      expect(
          sparsity.preActCoefficient().isEmpty() || !dead.maskAfterStep(),
          TrainingOptions.DEAD_MASK_AFTER_STEP,
          "false with pre_act_loss_coefficient, which needs the mask before the step",
          true);
    } else {
      expect(
          sparsity.preActCoefficient().isEmpty(),
          TrainingOptions.PRE_ACT_LOSS_COEFFICIENT,
          "none with " + name + ", which has no thresholds",
          sparsity.preActCoefficient());
    }
    expect(
        sae.architecture() != Architecture.GATED || sparsity.lpNorm() == 1,
        TrainingOptions.LP_NORM,
        "1 with gated",
        sparsity.lpNorm());
    InputNormalization input = data.normalizeActivations().inputNormalization();
    expect(
        sae.architecture() != Architecture.GATED || input == InputNormalization.NONE,
        TrainingOptions.NORMALIZE_ACTIVATIONS,
        "none, expected_average_only_in or covariance_whitening with gated, whose loss of gates is"
            + " in raw space",
        data.normalizeActivations());
    expect(
        sae.architecture() != Architecture.GATED || !whitens() || sae.applyBDecToInput(),
        TrainingOptions.APPLY_B_DEC_TO_INPUT,
        "true with gated and covariance_whitening, whose mean is folded into b_dec",
        false);
    expect(
        !sparsity.aprilUpdate()
            || (sae.architecture() == Architecture.STANDARD
                && run.recipe() == Recipe.DICTIONARY_LEARNING),
        TrainingOptions.APRIL_UPDATE,
        "false unless the architecture is standard and the recipe dictionary-learning",
        true);
  }

  private void expectPairs(Architecture architecture) {
    expect(
        !sae.skipConnection() || sae.pairs() == Pairs.TARGETS,
        TrainingOptions.SKIP_CONNECTION,
        "false without targets",
        sae.skipConnection());
    boolean zero = start.weightInit() == WeightInit.ZERO_DECODER;
    expect(
        !zero || !sae.rescaleActsByDecoderNorm(),
        TrainingOptions.RESCALE_ACTS_BY_DECODER_NORM,
        "false where the decoder starts at 0",
        true);
    if (sae.pairs() != Pairs.TARGETS) {
      return;
    }
    expect(
        architecture == Architecture.TOPK
            || architecture == Architecture.BATCHTOPK
            || architecture == Architecture.JUMPRELU,
        TrainingOptions.ARCHITECTURE,
        "topk, batchtopk or jumprelu with targets",
        architecture);
    expect(
        !sae.applyBDecToInput(),
        TrainingOptions.APPLY_B_DEC_TO_INPUT,
        "false with targets: b_dec belongs to the output",
        true);
    expect(
        data.normalizeActivations() == ActivationNormalization.NONE,
        TrainingOptions.NORMALIZE_ACTIVATIONS,
        "none with targets",
        data.normalizeActivations());
    expect(
        zero || start.weightInit() == WeightInit.INDEPENDENT,
        TrainingOptions.WEIGHT_INIT,
        "zero_decoder or independent with targets, where encoder and decoder differ in width",
        start.weightInit());
  }

  private static String trainedBy(Recipe recipe) {
    return Arrays.stream(Architecture.values())
        .filter(architecture -> architecture.recipes().contains(recipe))
        .map(architecture -> OptionType.plain(architecture).toString())
        .collect(Collectors.joining(", "));
  }

  private static void expect(boolean holds, Option<?> option, String expected, Object got) {
    if (!holds) {
      throw new ConfigException(
          option.name(), "expected " + expected + ", got " + OptionType.plain(got));
    }
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
    Recipe recipe = last(layers, TrainingOptions.RECIPE).orElse(Recipe.SAELENS);
    List<Map<String, ?>> all = new ArrayList<>();
    all.add(Map.of(TrainingOptions.RECIPE.name(), recipe.toString()));
    all.add(
        last(layers, TrainingOptions.ARCHITECTURE)
            .orElse(Architecture.TOPK)
            .defaults(recipe, last(layers, TrainingOptions.APRIL_UPDATE).orElse(false)));
    if (last(layers, TrainingOptions.PAIRS).orElse(Pairs.NONE) == Pairs.TARGETS) {
      all.add(TrainingOptions.WITH_TARGETS);
    }
    all.addAll(layers);
    return new TrainingConfig(TrainingOptions.TABLE.read(recipe, all));
  }

  /** The last value of an option that decides on other options' defaults. */
  private static <T> Optional<T> last(List<? extends Map<String, ?>> layers, Option<T> option) {
    Optional<T> found = Optional.empty();
    for (Map<String, ?> layer : layers) {
      TrainingOptions.TABLE.expectAll(layer.keySet());
      for (Map.Entry<String, ?> entry : layer.entrySet()) {
        if (TrainingOptions.TABLE.expect(entry.getKey()).equals(option)) {
          found = Optional.of(option.type().parse(entry.getKey(), entry.getValue()));
        }
      }
    }
    return found;
  }

  /**
   * This configuration with one option changed. Changing the recipe starts again from that recipe's
   * defaults; changing the architecture gives options that have their default that of the new one,
   * and a change of {@code pairs} sets those that depend on it.
   *
   * @param option its name, as {@code d_sae}, {@code d-sae} or {@code dSae}
   * @param value number, boolean or text; null, {@code auto} or {@code none} for an empty optional
   * @return the changed configuration
   * @throws ConfigException if there is no such option (the message names the nearest), or its
   *     value is out of range
   */
  public TrainingConfig with(String option, Object value) {
    Map<String, Object> change = Collections.singletonMap(option, value);
    if (TrainingOptions.TABLE.expect(option).equals(TrainingOptions.RECIPE)) {
      return fromMap(change);
    }
    Map<String, Object> kept = toMap();
    Option<?> changed = TrainingOptions.TABLE.expect(option);
    if (changed.equals(TrainingOptions.ARCHITECTURE)
        || changed.equals(TrainingOptions.APRIL_UPDATE)) {
      sae.architecture()
          .defaults(run.recipe(), sparsity.aprilUpdate())
          .forEach(
              (name, text) -> {
                Option<?> other = TrainingOptions.TABLE.expect(name);
                Object usual = OptionType.plain(other.type().parse(name, text));
                kept.remove(name, usual);
              });
      TrainingOptions.TABLE.options().stream()
          .filter(other -> !other.equals(TrainingOptions.RECIPE))
          .forEach(
              other -> kept.remove(other.name(), OptionType.plain(other.startIn(run.recipe()))));
    }
    if (changed.equals(TrainingOptions.PAIRS)) {
      TrainingOptions.WITH_TARGETS.keySet().forEach(kept::remove);
    }
    return fromLayers(List.of(kept, change));
  }

  /**
   * All options by their names in files, in the order of {@link TrainingOptions}.
   *
   * @return values of JSON's kinds: {@code Long}, {@code Double}, {@code Boolean}, {@code String}
   *     or null
   */
  public Map<String, Object> toMap() {
    return values.toMap();
  }

  /** Whether an option has another value than the recipe gives it. */
  boolean differsFromRecipe(Option<?> option) {
    return !values.get(option).equals(option.startIn(run.recipe()));
  }

  /** {@return recipe, length and seed of the run} */
  public RunOptions run() {
    return run;
  }

  /** {@return size and activation of the autoencoder} */
  public AutoencoderOptions sae() {
    return sae;
  }

  /** {@return how rows become batches} */
  public DataOptions data() {
    return data;
  }

  /** {@return the main loss} */
  public LossOptions loss() {
    return loss;
  }

  /** {@return the penalty on active latents of jumprelu, standard and gated SAEs} */
  public SparsityOptions sparsity() {
    return sparsity;
  }

  /** {@return the loss that revives dead latents} */
  public AuxKOptions auxK() {
    return auxK;
  }

  /** {@return when latents count as dead} */
  public DeadLatentOptions dead() {
    return dead;
  }

  /** {@return the learning rate over the run} */
  public ScheduleOptions schedule() {
    return schedule;
  }

  /** {@return Adam, clipping and the decoder's norm} */
  public OptimizerOptions optimizer() {
    return optimizer;
  }

  /** {@return how weights are initialised} */
  public StartOptions start() {
    return start;
  }

  /**
   * Number of latents.
   *
   * @param dIn width of the input
   * @return {@code d_sae}, or {@code expansion_factor} times d_in rounded down
   * @throws ConfigException if that is not between k and 2^31 − 1
   */
  public int dSae(int dIn) {
    double latents =
        sae.dSae().isPresent() ? sae.dSae().getAsInt() : sae.expansionFactor().getAsDouble() * dIn;
    expect(
        latents >= 1 && latents <= Integer.MAX_VALUE,
        TrainingOptions.EXPANSION_FACTOR,
        "1 to 2^31 - 1 latents",
        latents);
    expect(
        sae.architecture().penalisesActivity() || sae.k() <= (int) latents,
        TrainingOptions.K,
        "at most d_sae = " + (int) latents,
        sae.k());
    return (int) latents;
  }

  /**
   * This configuration with everything that follows from the width of the data made explicit, so
   * that files record it: {@code d_sae}, {@code lr}, {@code lr_end}, {@code auxk}, {@code
   * shuffle_seed}. A {@code mse_scale} that is to be measured on the data stays auto.
   *
   * @param dIn width of the input
   * @return a configuration that computes the same on rows of that width
   * @throws ConfigException as {@link #dSae(int)}
   */
  public TrainingConfig resolved(int dIn) {
    Map<String, Object> found = new LinkedHashMap<>();
    int latents = dSae(dIn);
    double peak = peak(latents);
    found.put(TrainingOptions.D_SAE.name(), latents);
    found.put(TrainingOptions.LR.name(), peak);
    if (peak > 0) {
      found.put(TrainingOptions.LR_END.name(), lrEnd(peak));
    }
    if (kAux(dIn) > 0) {
      found.put(TrainingOptions.AUXK.name(), kAux(dIn));
    }
    found.put(TrainingOptions.SHUFFLE_SEED.name(), data.shuffleSeed().orElse(run.seed()));
    return fromLayers(List.of(toMap(), found));
  }

  private double peak(int dSae) {
    return schedule.lr().orElse(run.recipe().autoLearningRate(dSae));
  }

  private double lrEnd(double peak) {
    return schedule.lrEnd().orElse(peak / LR_END_DIVISOR);
  }

  /** Dead latents per row of AuxK; 0 if half of the width rounds to 0. */
  private int kAux(int dIn) {
    return auxK.auxk()
        .orElse(
            switch (auxK.rule()) {
              case HALF_D_IN -> dIn / 2;
              case HALF_D_SAE -> dSae(dIn) / 2;
            });
  }

  /** {@return rows of an optimizer step, train_batch_size · gradient_accumulation} */
  public int rowsPerStep() {
    return data.rowsPerStep();
  }

  /**
   * Length of the run in rows.
   *
   * @param trainingRows rows of the training data
   * @return rows that are trained on, repetitions counted; at least 1
   */
  public long samples(long trainingRows) {
    if (run.steps().isPresent()) {
      expect(
          run.steps().getAsLong() <= Long.MAX_VALUE / rowsPerStep(),
          TrainingOptions.STEPS,
          "less than 2^63 rows in all",
          run.steps());
      return run.steps().getAsLong() * rowsPerStep();
    }
    if (run.trainingSamples().isPresent()) {
      return run.trainingSamples().getAsLong();
    }
    double rows = run.epochs().getAsDouble() * trainingRows;
    expect(
        rows < Long.MAX_VALUE, TrainingOptions.EPOCHS, "less than 2^63 rows in all", run.epochs());
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
    double peak = peak(dSae);
    return new LearningRate(
        schedule.scheduler(),
        peak,
        lrEnd(peak),
        schedule.warmUpSteps(),
        schedule.decaySteps(),
        schedule.restartCycles(),
        steps);
  }

  /** {@return how steps or rows without firing are counted, and when a latent is dead} */
  public DeadLatentRule.Counting counting() {
    boolean inSteps = dead.window().isPresent() || dead.tokensAsSteps();
    long window =
        dead.window().isPresent()
            ? dead.window().getAsLong()
            : dead.tokens().getAsLong() / (dead.tokensAsSteps() ? rowsPerStep() : 1);
    return new DeadLatentRule.Counting(
        inSteps ? DeadLatentRule.Counting.Unit.STEPS : DeadLatentRule.Counting.Unit.TOKENS,
        window,
        dead.inclusive(),
        dead.maskAfterStep(),
        dead.restart());
  }

  /**
   * The AuxK term. A coefficient of 0, or a k_aux of 0 (half of d_in = 1), switches it off.
   *
   * @param dIn width of the input
   * @return the term, if there is one
   */
  public Optional<AuxK> aux(int dIn) {
    int kAux = kAux(dIn);
    if (kAux == 0 || auxK.coefficient() == 0) {
      return Optional.empty();
    }
    return Optional.of(
        new AuxK(
            auxK.coefficient(),
            kAux,
            auxK.scaledByDead(),
            auxK.detachResidual(),
            auxK.relu(),
            auxK.bDec(),
            auxK.normalizer()));
  }

  /**
   * The nested prefixes. dictionary_learning weighs G reconstructions, that from all latents
   * included, by 1/G and takes their mean: each counts 1/G².
   */
  private Optional<Matryoshka> matryoshka(int dSae) {
    if (sae.architecture() != Architecture.MATRYOSHKA) {
      return Optional.empty();
    }
    List<Integer> widths = new ArrayList<>(loss.matryoshkaWidths());
    if (widths.isEmpty()) {
      for (int part = 16; part > 1; part /= 2) {
        if (dSae / part > (widths.isEmpty() ? 0 : widths.getLast())) {
          widths.add(dSae / part);
        }
      }
    }
    // SAELens lists the whole dictionary too.
    if (!widths.isEmpty() && widths.getLast() == dSae) {
      widths.removeLast();
    }
    expect(
        !widths.isEmpty() && widths.getLast() < dSae,
        TrainingOptions.MATRYOSHKA_WIDTHS,
        "at least one number less than d_sae = " + dSae,
        loss.matryoshkaWidths());
    int groups = widths.size() + 1;
    double weight =
        run.recipe() == Recipe.DICTIONARY_LEARNING ? 1.0 / ((double) groups * groups) : 1;
    return Optional.of(new Matryoshka(widths, weight, auxK.perLevel()));
  }

  /**
   * Whether {@link #stepSpec} needs a value of {@code mse_scale} measured on the data.
   *
   * @return true if the main loss is scaled and its scale is auto
   */
  public boolean needsMseScale() {
    return loss.mainLoss() == Reconstruction.Measure.SCALED_MSE && loss.mseScale().isEmpty();
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
    return stepSpec(dIn, dIn, measuredMseScale);
  }

  /**
   * What a device computes in one optimizer step, where outputs may be of another width.
   *
   * @param dIn width of the input
   * @param dOut width of the output: d_in, except with targets
   * @param measuredMseScale as above
   * @return the step
   * @throws ConfigException as above
   */
  public StepSpec stepSpec(int dIn, int dOut, OptionalDouble measuredMseScale) {
    if (sae.pairs() != Pairs.TARGETS && dOut != dIn) {
      throw new ConfigException(
          sae.pairs() == Pairs.POSITIVES ? "positives" : "d_out",
          "expected rows of width " + dIn + " as the activations, got " + dOut);
    }
    int latents = dSae(dIn);
    double scale = 1;
    if (loss.mainLoss() == Reconstruction.Measure.SCALED_MSE) {
      scale = loss.mseScale().orElse(measuredMseScale.orElse(Double.NaN));
      expect(
          scale > 0 && scale < Double.POSITIVE_INFINITY,
          TrainingOptions.MSE_SCALE,
          "a positive number (1 over the variance of the activations)",
          scale);
    }
    List<Term> terms = new ArrayList<>();
    Optional<Matryoshka> nested = matryoshka(latents);
    terms.add(
        nested
            .filter(term -> term.weight() != 1)
            .map(term -> new Reconstruction(Reconstruction.Measure.SCALED_MSE, term.weight() * dIn))
            .orElse(new Reconstruction(loss.mainLoss(), scale)));
    if (loss.multiTopk()) {
      terms.add(MultiTopK.SPARSIFY);
    }
    if (contrastive()) {
      terms.add(DeadTopK.SENTENCE_TRANSFORMERS);
      terms.add(new Contrast(loss.contrastiveCoefficient().getAsDouble()));
    }
    nested.ifPresent(terms::add);
    addActivityTerms(terms);
    aux(dIn).ifPresent(terms::add);
    return new StepSpec(
        new StepShape(
            dIn,
            dOut,
            latents,
            rowsPerStep(),
            data.trainBatchSize(),
            sae.pairs(),
            sae.skipConnection(),
            contrastive()),
        new Forward(
            activation(),
            sae.rescaleActsByDecoderNorm(),
            sae.applyBDecToInput(),
            data.normalizeActivations().inputNormalization(),
            1f,
            threshold(),
            annealing(dIn, latents),
            gate()),
        new Objective(terms),
        new Optimizer(
            optimizer.beta1(), optimizer.beta2(), optimizer.epsilon(), optimizer.clipGradNorm()),
        new DeadLatentRule(dead.fired(), counting()),
        new DecoderNormRule(
            optimizer.normalizeDecoder(),
            (float) optimizer.normalizeDecoderEpsilon(),
            optimizer.projectDecoderGradient(),
            (float) optimizer.projectEpsilon()));
  }

  /** The penalties of jumprelu, standard and gated SAEs. */
  private void addActivityTerms(List<Term> terms) {
    if (!sae.architecture().penalisesActivity()) {
      return;
    }
    Sparsity.Penalty penalty =
        sae.architecture() != Architecture.JUMPRELU
            ? new Sparsity.Penalty.Norm(sparsity.lpNorm(), sparsity.decoderNormPower())
            : switch (sparsity.loss()) {
              case STEP -> new Sparsity.Penalty.L0();
              case TANH -> new Sparsity.Penalty.Tanh(sparsity.tanhScale());
              case QUADRATIC ->
                  new Sparsity.Penalty.Quadratic(
                      sparsity.targetL0(),
                      run.recipe() == Recipe.DICTIONARY_LEARNING
                          ? Sparsity.Penalty.Quadratic.Count.BATCH_OF_ACTIVATIONS
                          : Sparsity.Penalty.Quadratic.Count.ROWS);
            };
    terms.add(
        new Sparsity(
            penalty, sparsity.coefficient(), new Sparsity.WarmUp(sparsity.warmUpSteps(), 1)));
    sparsity.preActCoefficient().ifPresent(weight -> terms.add(new PreActivation(weight)));
    if (sae.architecture() == Architecture.GATED) {
      terms.add(new GateReconstruction(run.recipe() == Recipe.DICTIONARY_LEARNING));
    }
  }

  private Optional<TrainedGate> gate() {
    return switch (sae.architecture()) {
      case JUMPRELU ->
          Optional.of(
              new TrainedGate.JumpRelu(
                  sparsity.logThreshold()
                      ? TrainedGate.JumpRelu.Form.LOG
                      : run.recipe() == Recipe.SAELENS
                          ? TrainedGate.JumpRelu.Form.RELU
                          : TrainedGate.JumpRelu.Form.PLAIN,
                  (float) sparsity.bandwidth()));
      case GATED -> Optional.of(new TrainedGate.Gated());
      case TOPK, BATCHTOPK, MATRYOSHKA, STANDARD -> Optional.empty();
    };
  }

  /**
   * {@return how latents become active in training: the k largest of a row, or k times as many of a
   * batch as it has rows; ReLU for jumprelu, standard and gated, of which jumprelu and gated have a
   * trained gate in its place}
   */
  public Activation activation() {
    return switch (sae.architecture()) {
      case TOPK ->
          Activation.Ranked.topK(
              sae.k(),
              sae.reluBeforeTopk() ? Activation.Ranked.Relu.BEFORE : Activation.Ranked.Relu.AFTER);
      case BATCHTOPK, MATRYOSHKA ->
          new Activation.Ranked(
              Activation.Ranked.Scope.BATCH,
              sae.k(),
              Activation.Ranked.Order.VALUE,
              Activation.Ranked.Relu.BEFORE);
      case JUMPRELU, STANDARD, GATED -> Activation.Threshold.RELU;
    };
  }

  /** How k falls: dictionary_learning sets it after a step, so its first step has k itself. */
  private Optional<KAnnealing> annealing(int dIn, int dSae) {
    if (sae.kAnnealSteps() == 0) {
      return Optional.empty();
    }
    int from = sae.kAnnealFrom().orElse(Math.min(dIn, dSae));
    expect(
        from >= sae.k() && from <= dSae,
        TrainingOptions.K_ANNEAL_FROM,
        "k = " + sae.k() + " to d_sae = " + dSae,
        from);
    return Optional.of(
        new KAnnealing(from, sae.kAnnealSteps(), run.recipe() == Recipe.DICTIONARY_LEARNING));
  }

  private Optional<RunningThreshold> threshold() {
    if (sae.architecture() != Architecture.BATCHTOPK
        && sae.architecture() != Architecture.MATRYOSHKA) {
      return Optional.empty();
    }
    return Optional.of(
        new RunningThreshold(
            run.recipe() == Recipe.DICTIONARY_LEARNING
                ? RunningThreshold.Kind.DICTIONARY_LEARNING
                : RunningThreshold.Kind.SAELENS,
            sae.topkThresholdLr(),
            sae.thresholdStartStep()));
  }

  /**
   * How latents become active in the SAE that training leaves behind, which maps single rows.
   *
   * @param state what training left
   * @return the training activation; for BatchTopK JumpReLU with the running threshold, or TopK of
   *     each row while there is none; for JumpReLU and gated SAEs the gate as it is trained
   */
  public Activation inferenceActivation(TrainingState state) {
    if (gate().isPresent()) {
      return gate().get().activation(state);
    }
    if (threshold().isEmpty()) {
      return activation();
    }
    double threshold =
        state.statistics().getOrDefault(RunningThreshold.NAME, threshold().get().initial());
    return threshold < 0
        ? Activation.Ranked.topK(sae.k(), Activation.Ranked.Relu.BEFORE)
        : Activation.Threshold.jumpRelu((float) threshold);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TrainingConfig that && values.equals(that.values);
  }

  @Override
  public int hashCode() {
    return values.hashCode();
  }

  @Override
  public String toString() {
    return values.toString();
  }
}
