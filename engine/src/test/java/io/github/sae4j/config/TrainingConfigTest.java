package io.github.sae4j.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.json.Json;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DeadLatentRule.Counting;
import io.github.sae4j.step.DeadLatentRule.Counting.Unit;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingConfigTest {
  /** Options that came after the runs in {@code runs-before-the-table.json}. */
  private static final Set<String> NEWER =
      Set.of(
          "architecture",
          "topk_threshold_lr",
          "whitening_epsilon",
          "threshold_start_step",
          "matryoshka_widths",
          "use_matryoshka_aux_loss",
          "k_anneal_steps",
          "k_anneal_from",
          "ema_decay",
          "pairs",
          "skip_connection",
          "contrastive_coefficient",
          "sparsity_coefficient",
          "sparsity_warm_up_steps",
          "jumprelu_sparsity_loss_mode",
          "target_l0",
          "jumprelu_tanh_scale",
          "pre_act_loss_coefficient",
          "jumprelu_bandwidth",
          "jumprelu_init_threshold",
          "log_threshold",
          "lp_norm",
          "l1_decoder_norm_power",
          "april_update");

  private static final TrainingConfig SAELENS = TrainingConfig.of(Recipe.SAELENS);

  private static StepSpec spec(Recipe recipe) {
    return TrainingConfig.of(recipe).stepSpec(768, OptionalDouble.of(2.5));
  }

  private static AuxK aux(StepSpec spec) {
    return spec.objective().find(AuxK.class).orElseThrow();
  }

  @Test
  void saelensFollowsVersion6362() {
    StepSpec spec = spec(Recipe.SAELENS);
    assertEquals(
        new StepSpec(
            new StepShape(768, 768, 6144, 4096, 4096),
            new Forward(
                Ranked.topK(32, Ranked.Relu.AFTER), true, true, InputNormalization.NONE, 1f),
            Objective.of(
                Reconstruction.of(Reconstruction.Measure.SQUARED_ERROR),
                new AuxK(1, 384, true, true, false, AuxK.BDec.EXCLUDED, AuxK.Normalizer.ROWS)),
            new Optimizer(0.9, 0.999, 1e-8, OptionalDouble.of(1)),
            new DeadLatentRule(
                DeadLatentRule.Fired.POSITIVE, new Counting(Unit.STEPS, 1000, false, false, 0)),
            DecoderNormRule.FREE),
        spec);
    assertEquals(3e-4, SAELENS.learningRate(6144, 100).at(0));
    assertEquals(OptionalDouble.of(0.1), SAELENS.start().decoderInitNorm());
    assertEquals(BDecInit.ZEROS, SAELENS.start().bDecInitMethod());
  }

  @Test
  void pullRequest370TakesHalfOfTheLatentsAndKeepsTheResidualAttached() {
    StepSpec spec = spec(Recipe.SAELENS_PR370);
    assertEquals(
        new AuxK(1, 3072, true, false, false, AuxK.BDec.INCLUDED, AuxK.Normalizer.ROWS), aux(spec));
    assertFalse(spec.forward().rescaleByDecoderNorm());
    assertEquals(DecoderNormRule.When.BEFORE_FORWARD, spec.decoderNorm().when());
    assertEquals(0, spec.optimizer().beta1());
    assertEquals(OptionalDouble.of(1), spec.optimizer().clipNorm());
    assertEquals(
        BDecInit.GEOMETRIC_MEDIAN,
        TrainingConfig.of(Recipe.SAELENS_PR370).start().bDecInitMethod());
  }

  @Test
  void eleutherDividesByTheTotalVarianceAndCountsTokens() {
    StepSpec spec = spec(Recipe.ELEUTHER);
    assertEquals(
        new AuxK(
            1.0 / 32, 384, true, true, true, AuxK.BDec.EXCLUDED, AuxK.Normalizer.TOTAL_VARIANCE),
        aux(spec));
    assertEquals(Reconstruction.Measure.FVU, spec.objective().reconstruction().measure());
    assertEquals(Ranked.topK(32, Ranked.Relu.BEFORE), spec.forward().activation());
    assertEquals(DeadLatentRule.Fired.SELECTED, spec.deadLatents().fired());
    assertEquals(
        new Counting(Unit.TOKENS, 10_000_000, false, false, 0), spec.deadLatents().counting());
    assertEquals(OptionalDouble.empty(), spec.optimizer().clipNorm());
    assertTrue(spec.decoderNorm().projectGradient());
    assertEquals(Math.ulp(1f), spec.decoderNorm().epsilon());
    TrainingConfig config = TrainingConfig.of(Recipe.ELEUTHER);
    assertEquals(2e-4, config.learningRate(1 << 14, 2000).at(1000));
    assertEquals(1e-4, config.learningRate(1 << 16, 2000).at(1000));
    assertEquals(BDecInit.MEAN, config.start().bDecInitMethod());
  }

  @Test
  void openaiTurnsItsTokensIntoSteps() {
    StepSpec spec = spec(Recipe.OPENAI);
    assertEquals(
        new AuxK(
            1.0 / 32,
            256,
            false,
            true,
            true,
            AuxK.BDec.EXCLUDED,
            AuxK.Normalizer.RESIDUAL_VARIANCE),
        aux(spec));
    assertEquals(2.5, spec.objective().reconstruction().mseScale());
    assertEquals(new Counting(Unit.STEPS, 2441, false, true, 1), spec.deadLatents().counting());
    assertEquals(
        10_000_000 / 131072,
        TrainingConfig.of(Recipe.OPENAI)
            .with("train_batch_size", 32768)
            .with("gradient_accumulation", 4)
            .counting()
            .window());
    assertEquals(6.25e-10, spec.optimizer().epsilon());
    assertEquals(DecoderNormRule.When.AFTER_BACKWARD, spec.decoderNorm().when());
    assertEquals(1e-4, TrainingConfig.of(Recipe.OPENAI).learningRate(6144, 10).at(3));
  }

  @Test
  void dictionaryLearningCountsBeforeTheMaskAndRenormalisesAfterTheStep() {
    StepSpec spec = spec(Recipe.DICTIONARY_LEARNING);
    assertEquals(
        new AuxK(
            1.0 / 32,
            384,
            false,
            true,
            true,
            AuxK.BDec.EXCLUDED,
            AuxK.Normalizer.RESIDUAL_VARIANCE),
        aux(spec));
    assertEquals(
        new Counting(Unit.TOKENS, 10_000_000, true, true, 0), spec.deadLatents().counting());
    assertEquals(DecoderNormRule.When.AFTER_STEP, spec.decoderNorm().when());
    assertEquals(1e-6f, spec.decoderNorm().projectEpsilon());
    assertEquals(OptionalDouble.of(1), spec.optimizer().clipNorm());
  }

  @ParameterizedTest
  @EnumSource
  void everyRecipeSurvivesItsMapAndItsJson(Recipe recipe) throws IOException {
    TrainingConfig config =
        TrainingConfig.of(recipe).with("d_sae", 1000).with("lr", 1e-3).with("seed", -7);
    Map<String, Object> map = config.toMap();
    assertEquals(config, TrainingConfig.fromMap(map));
    byte[] json = Json.line(map).getBytes(StandardCharsets.UTF_8);
    assertEquals(map, Json.parse(Path.of("config.json"), json));
  }

  /**
   * Training sections of {@code config.json} as runs of version 0.1 before the table wrote them.
   */
  @Test
  void runsMadeBeforeAreReadWithTheSameKeysAndValues() throws IOException {
    byte[] json;
    try (InputStream file =
        TrainingConfigTest.class.getResourceAsStream("/config/runs-before-the-table.json")) {
      json = file.readAllBytes();
    }
    Map<?, ?> runs = (Map<?, ?>) Json.parse(Path.of("runs-before-the-table.json"), json);
    assertEquals(7, runs.size());
    for (Object run : runs.values()) {
      @SuppressWarnings("unchecked")
      Map<String, Object> saved = (Map<String, Object>) run;
      Map<String, Object> read = TrainingConfig.fromMap(saved).toMap();
      Map<String, Object> since = new LinkedHashMap<>(read);
      since.keySet().removeAll(saved.keySet());
      assertEquals(NEWER, since.keySet());
      since.forEach(
          (option, value) ->
              assertEquals(
                  TrainingConfig.fromMap(Map.of("recipe", saved.get("recipe"))).toMap().get(option),
                  value));
      read.keySet().removeAll(NEWER);
      assertEquals(saved, read);
      assertEquals(List.copyOf(saved.keySet()), List.copyOf(read.keySet()));
    }
  }

  @ParameterizedTest
  @CsvSource({"d_sae", "d-sae", "dSae", "--d-sae"})
  void anyUsualSpellingNamesAnOption(String name) {
    assertEquals(OptionalInt.of(512), SAELENS.with(name, "512").sae().dSae());
  }

  @Test
  void aliasesOfThePeersAreUnderstood() {
    assertEquals(0.5, SAELENS.with("auxk-alpha", "0.5").auxK().coefficient());
    assertEquals(OptionalInt.of(7), SAELENS.with("k_aux", 7).auxK().auxk());
  }

  @Test
  void anUnknownOptionNamesTheNearest() {
    ConfigException e = assertThrows(ConfigException.class, () -> SAELENS.with("bath_size", 3));
    assertTrue(e.getMessage().startsWith("bath_size: no such option"), e.getMessage());
    e = assertThrows(ConfigException.class, () -> SAELENS.with("adam_beta", 0.5));
    assertEquals("adam_beta: no such option; the nearest is adam_beta1", e.getMessage());
  }

  @Test
  void settingOneOfRivalOptionsClearsTheOther() {
    TrainingConfig config = SAELENS.with("d_sae", 512);
    assertEquals(OptionalDouble.empty(), config.sae().expansionFactor());
    assertEquals(512, config.dSae(48));
    assertEquals(OptionalInt.empty(), config.with("expansion_factor", 4).sae().dSae());
    assertEquals(4 * 48, config.with("expansion_factor", 4).dSae(48));
    config = SAELENS.with("dead_feature_tokens", 5000);
    assertEquals(new Counting(Unit.TOKENS, 5000, false, false, 0), config.counting());
    config = TrainingConfig.of(Recipe.ELEUTHER).with("dead_feature_window", 9);
    assertEquals(new Counting(Unit.STEPS, 9, false, false, 0), config.counting());
  }

  @Test
  void rivalsInOneSourceAreRefusedAndAcrossSourcesTheLaterWins() {
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> TrainingConfig.fromMap(Map.of("steps", 5, "epochs", 2)));
    assertTrue(e.getMessage().contains("cannot be given together with"), e.getMessage());
    TrainingConfig config =
        TrainingConfig.fromLayers(
            List.of(
                Map.of("steps", 5, "recipe", "eleuther", "k", 8),
                Map.of("epochs", 2, "recipe", "dictionary-learning")));
    assertEquals(OptionalLong.empty(), config.run().steps());
    assertEquals(OptionalDouble.of(2), config.run().epochs());
    assertEquals(Recipe.DICTIONARY_LEARNING, config.run().recipe());
    assertEquals(8, config.sae().k());
    assertTrue(config.dead().inclusive());
  }

  @Test
  void anOptionGivenTwiceUnderDifferentNamesIsRefused() {
    Map<String, Object> twice = new LinkedHashMap<>();
    twice.put("aux_loss_coefficient", 1);
    twice.put("auxk_alpha", 2);
    ConfigException e = assertThrows(ConfigException.class, () -> TrainingConfig.fromMap(twice));
    assertEquals(
        "aux_loss_coefficient: given twice, the second time as 'auxk_alpha'", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "k, 0",
    "k, 1.5",
    "k, many",
    "train_batch_size, 3000000000",
    "expansion_factor, -1",
    "lr, NaN",
    "lr, Infinity",
    "lr_scheduler, square",
    "adam_beta2, 1",
    "adam_epsilon, 0",
    "clip_grad_norm, 0",
    "apply_b_dec_to_input, maybe",
    "normalize_activations, layer_norm",
    "normalize_activations, constant_norm_rescale",
    "recipe, jumprelu",
    "eval_fraction, 1",
    "dead_feature_window, -1",
    "dead_feature_window, none",
    "steps, 0",
  })
  void badValuesNameTheirOption(String option, String value) {
    ConfigException e = assertThrows(ConfigException.class, () -> SAELENS.with(option, value));
    String blamed = option.equals("normalize_activations") ? "aux_loss_coefficient" : option;
    assertTrue(e.getMessage().startsWith(blamed + ": expected "), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void normalisedRowsAreFineWithoutAuxK() {
    TrainingConfig config =
        TrainingConfig.fromMap(
            Map.of("normalize-activations", "layer_norm", "aux-loss-coefficient", 0));
    assertEquals(
        InputNormalization.LAYER_NORM,
        config.stepSpec(768, OptionalDouble.empty()).forward().normalization());
  }

  @Test
  void aDecayFromZeroIsRefusedForCosines() {
    ConfigException e =
        assertThrows(
            ConfigException.class,
            () ->
                TrainingConfig.fromMap(
                    Map.of("lr_scheduler", "cosineannealing", "lr_end", 0, "lr_decay_steps", 5)));
    assertTrue(e.getMessage().startsWith("lr_end: expected more than 0"), e.getMessage());
  }

  @Test
  void lengthOfTheRun() {
    assertEquals(3, SAELENS.with("train_batch_size", 40).steps(100));
    assertEquals(100, SAELENS.samples(100));
    assertEquals(150, SAELENS.with("epochs", 1.5).samples(100));
    assertEquals(
        5 * 4096 * 2, SAELENS.with("steps", 5).with("gradient_accumulation", 2).samples(100));
    assertEquals(25, SAELENS.with("training_samples", "1e5").steps(77));
  }

  @Test
  void kAboveTheNumberOfLatentsIsRefused() {
    ConfigException e = assertThrows(ConfigException.class, () -> SAELENS.dSae(3));
    assertEquals("k: expected at most d_sae = 24, got 32", e.getMessage());
  }

  @Test
  void oneInputColumnLeavesNothingForAuxK() {
    TrainingConfig config = SAELENS.with("d_sae", 64);
    assertEquals(Optional.empty(), config.aux(1));
    assertEquals(1, config.aux(2).orElseThrow().kAux());
  }

  @Test
  void anMseScaleIsNeededOnlyWhereItIsUsed() {
    TrainingConfig config = TrainingConfig.of(Recipe.OPENAI);
    assertTrue(config.needsMseScale());
    assertFalse(config.with("mse_scale", 3).needsMseScale());
    assertFalse(SAELENS.needsMseScale());
    ConfigException e =
        assertThrows(ConfigException.class, () -> config.stepSpec(8, OptionalDouble.of(1.0 / 0)));
    assertTrue(e.getMessage().startsWith("mse_scale: expected a positive number"), e.getMessage());
  }

  @Test
  void runsTooShortForTheirSettingsAreWarnedOf() {
    assertEquals(List.of(), ConfigWarnings.of(SAELENS, 1001));
    assertEquals(
        List.of(
            "dead_feature_window: no latent is dead before 1000 steps, the run has 1000: AuxK never"
                + " acts; --dead-feature-window 100, a tenth of the run, lets it"),
        ConfigWarnings.of(SAELENS, 1000));
    assertEquals(2, ConfigWarnings.of(TrainingConfig.of(Recipe.ELEUTHER), 999).size());
    assertEquals(List.of(), ConfigWarnings.of(SAELENS.with("aux_loss_coefficient", 0), 10));
  }

  /** An option that the architecture, or its mode, does not read is warned of, never ignored. */
  @ParameterizedTest
  @CsvSource({
    "saelens, topk, , sparsity_coefficient, 9",
    "saelens, topk, , sparsity_warm_up_steps, 9",
    "saelens, topk, , april_update, true",
    "saelens, batchtopk, , pre_act_loss_coefficient, 3",
    "saelens, matryoshka, , log_threshold, true",
    "openai, topk, , jumprelu_bandwidth, 1",
    "saelens, standard, , jumprelu_init_threshold, 1",
    "saelens, gated, , jumprelu_sparsity_loss_mode, tanh",
    "saelens, jumprelu, , lp_norm, 2",
    "saelens, jumprelu, , l1_decoder_norm_power, 2",
    "saelens, jumprelu, , target_l0, 50",
    "saelens, jumprelu, tanh, target_l0, 50",
    "saelens, jumprelu, quadratic, jumprelu_tanh_scale, 2",
    "dictionary-learning, standard, , target_l0, 50",
    "saelens, jumprelu, , k, 16",
    "dictionary-learning, gated, , k, 16",
    "saelens, standard, , k_anneal_from, 64",
    "saelens, gated, , topk_threshold_lr, 0.5",
    "eleuther, topk, , topk_threshold_lr, 0.5",
    "saelens, batchtopk, , threshold_start_step, 5",
    "saelens, batchtopk, , relu_before_topk, true",
    "dictionary-learning, jumprelu, , relu_before_topk, false",
    "saelens, batchtopk, , matryoshka_widths, '8,16'",
    "saelens, topk, , use_matryoshka_aux_loss, true",
    "saelens, topk, , mse_scale, 2"
  })
  void anOptionWithoutMeaningIsWarnedOf(
      String recipe, String architecture, String mode, String option, String value) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("recipe", recipe);
    all.put("architecture", architecture);
    all.put("d_sae", 64);
    if (mode != null) {
      all.put("jumprelu_sparsity_loss_mode", mode);
    }
    assertEquals(List.of(), ConfigWarnings.of(TrainingConfig.fromMap(all), 1 << 20));
    all.put(option, value);
    List<String> warnings = ConfigWarnings.of(TrainingConfig.fromMap(all), 1 << 20);
    assertEquals(1, warnings.size(), warnings::toString);
    assertTrue(
        warnings.getFirst().startsWith(option + ": without effect unless "), warnings::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "saelens, jumprelu, sparsity_coefficient, 9",
    "saelens, jumprelu, pre_act_loss_coefficient, 3",
    "dictionary-learning, jumprelu, target_l0, 50",
    "saelens, standard, lp_norm, 2",
    "saelens, gated, l1_decoder_norm_power, 2",
    "dictionary-learning, standard, april_update, true",
    "dictionary-learning, batchtopk, threshold_start_step, 5",
    "saelens, matryoshka, use_matryoshka_aux_loss, true",
    "saelens, topk, relu_before_topk, true",
    "sentence-transformers, topk, mse_scale, 2",
    "saelens, batchtopk, k, 16"
  })
  void anOptionThatActsIsNotWarnedOf(
      String recipe, String architecture, String option, String value) {
    Map<String, Object> all =
        Map.of("recipe", recipe, "architecture", architecture, "d_sae", 64, option, value);
    assertEquals(List.of(), ConfigWarnings.of(TrainingConfig.fromMap(all), 1 << 20));
  }

  /** Only BatchTopK and Matryoshka leave a threshold that is estimated. */
  @ParameterizedTest
  @EnumSource
  void theEstimatedThresholdIsWarnedOfWhereThereIsOne(Architecture architecture) {
    TrainingConfig config =
        TrainingConfig.of(Recipe.DICTIONARY_LEARNING)
            .with("architecture", architecture.toString().toLowerCase(Locale.ROOT))
            .with("lr_warm_up_steps", 0)
            .with("aux_loss_coefficient", 0);
    boolean batch =
        architecture == Architecture.BATCHTOPK || architecture == Architecture.MATRYOSHKA;
    assertEquals(
        batch,
        ConfigWarnings.of(config, 1001).stream()
            .anyMatch(line -> line.startsWith("threshold_start_step: ")));
  }

  @Test
  void aWindowTooLongForTheLossOfPreActivationsIsWarnedOf() {
    TrainingConfig config =
        SAELENS.with("architecture", "jumprelu").with("pre_act_loss_coefficient", 0.1);
    assertEquals(List.of(), ConfigWarnings.of(config, 1001));
    assertEquals(
        List.of(
            "dead_feature_window: no latent is dead before 1000 steps, the run has 1000:"
                + " pre_act_loss_coefficient never acts; --dead-feature-window 100, a tenth of the"
                + " run, lets it"),
        ConfigWarnings.of(config, 1000));
  }

  /** One matrix is encoder and decoder: what treats them apart has no meaning. */
  @ParameterizedTest
  @CsvSource({
    "weight_init, zero_decoder, decoder_transpose or encoder_clone",
    "weight_init, independent, decoder_transpose or encoder_clone",
    "weight_init, calibrated_encoder_clone, decoder_transpose or encoder_clone",
    "project_decoder_gradient, true, false with recipe sentence-transformers"
  })
  void whatTiedWeightsDoNotTakeIsRefused(String option, String value, String message) {
    ConfigException refused =
        assertThrows(
            ConfigException.class,
            () -> TrainingConfig.fromMap(Map.of("recipe", "sentence-transformers", option, value)));
    assertTrue(refused.getMessage().startsWith(option + ": expected "), refused.getMessage());
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
  }

  @Test
  void switchesOfThePeersAreUnderstood() {
    assertEquals(AuxK.BDec.INCLUDED, SAELENS.with("aux_b_dec", true).auxK().bDec());
    assertEquals(
        AuxK.BDec.EXCLUDED,
        TrainingConfig.of(Recipe.SAELENS_PR370).with("aux_b_dec", false).auxK().bDec());
    assertEquals(
        DecoderNormRule.When.BEFORE_FORWARD,
        SAELENS.with("normalize_decoder", "true").optimizer().normalizeDecoder());
    assertEquals(
        Ranked.topK(32, Ranked.Relu.BEFORE), SAELENS.with("relu-before-topk", true).activation());
  }

  /** Which peer trains what; the table in docs/training.md. */
  @ParameterizedTest
  @EnumSource
  void onlyPairsThatAPeerTrainsAreAccepted(Architecture architecture) {
    for (Recipe recipe : Recipe.values()) {
      Map<String, Object> options =
          Map.of("recipe", recipe.toString(), "architecture", architecture.name());
      if (architecture == Architecture.TOPK
          || recipe == Recipe.SAELENS
          || recipe == Recipe.DICTIONARY_LEARNING) {
        assertEquals(architecture, TrainingConfig.fromMap(options).sae().architecture());
      } else {
        ConfigException refused =
            assertThrows(ConfigException.class, () -> TrainingConfig.fromMap(options));
        assertTrue(
            refused.getMessage().contains("recipe " + recipe + " trains (topk)"),
            refused.getMessage());
      }
    }
  }

  @Test
  void architecturesHaveDefaultsOfTheirOwn() {
    TrainingConfig jump = SAELENS.with("architecture", "jumprelu");
    assertEquals(0, jump.auxK().coefficient());
    assertEquals(0.05, jump.sparsity().bandwidth());
    assertEquals(0.9, jump.optimizer().beta1());
    assertTrue(jump.sae().applyBDecToInput());
    TrainingConfig theirs =
        TrainingConfig.fromMap(Map.of("architecture", "jumprelu", "recipe", "dictionary-learning"));
    assertEquals(0, theirs.optimizer().beta1());
    assertEquals(OptionalDouble.of(7e-5), theirs.schedule().lr());
    assertEquals(SparsityOptions.Loss.QUADRATIC, theirs.sparsity().loss());
    assertFalse(theirs.sae().applyBDecToInput());
    TrainingConfig standard = theirs.with("architecture", "standard");
    assertEquals(OptionalDouble.of(1e-3), standard.schedule().lr());
    assertEquals(0.9, standard.optimizer().beta1());
    assertTrue(standard.optimizer().clipGradNorm().isEmpty());
    TrainingConfig april = standard.with("april_update", true);
    assertEquals(2, april.sparsity().decoderNormPower());
    assertEquals(DecoderNormRule.When.FREE, april.optimizer().normalizeDecoder());
    assertEquals(OptionalDouble.of(1), april.optimizer().clipGradNorm());
    // What was given is kept; what was not is as if the architecture had been named at once.
    assertEquals(theirs, april.with("april_update", false).with("architecture", "jumprelu"));
    assertEquals(
        0.3, jump.with("lr", 0.3).with("architecture", "gated").schedule().lr().getAsDouble());
    assertEquals(jump, TrainingConfig.fromMap(jump.toMap()));
    assertEquals(SAELENS, jump.with("architecture", "topk"));
  }

  @ParameterizedTest
  @CsvSource({
    "jumprelu, gradient_accumulation, 2, 1 with jumprelu",
    "jumprelu, aux_loss_coefficient, 1, pre_act_loss_coefficient revives",
    "gated, aux_loss_coefficient, 1, 0 with gated",
    "standard, multi_topk, true, false with standard",
    "standard, main_loss, fvu, squared_error with standard",
    "gated, lp_norm, 2, 1 with gated",
    "standard, pre_act_loss_coefficient, 0.1, none with standard",
    "gated, normalize_activations, layer_norm, covariance_whitening with gated",
    "jumprelu, rescale_acts_by_decoder_norm, true, false with jumprelu",
    "standard, april_update, true, recipe dictionary-learning",
    "standard, sparsity_coefficient, -1, at least 0"
  })
  void whatAnArchitectureDoesNotTakeIsRefused(
      String architecture, String option, String value, String message) {
    ConfigException refused =
        assertThrows(
            ConfigException.class,
            () -> TrainingConfig.fromMap(Map.of("architecture", architecture, option, value)));
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
    assertTrue(refused.getMessage().startsWith(option), refused.getMessage());
  }

  @Test
  void dictionaryLearningHasOnePenaltyOfJumpRelu() {
    for (Map.Entry<String, Object> option :
        Map.<String, Object>of("jumprelu_sparsity_loss_mode", "tanh", "log_threshold", true)
            .entrySet()) {
      Map<String, Object> all = new LinkedHashMap<>();
      all.put("recipe", "dictionary-learning");
      all.put("architecture", "jumprelu");
      all.put(option.getKey(), option.getValue());
      assertThrows(ConfigException.class, () -> TrainingConfig.fromMap(all), option.getKey());
    }
  }

  @Test
  void optionsThatNothingReadsAreWarnedOf() {
    for (Architecture architecture : Architecture.values()) {
      for (String recipe : List.of("saelens", "dictionary-learning")) {
        TrainingConfig config =
            TrainingConfig.fromMap(Map.of("recipe", recipe, "architecture", architecture.name()));
        assertEquals(List.of(), ConfigWarnings.of(config, 100_000), recipe + " " + architecture);
      }
    }
    TrainingConfig jump = SAELENS.with("architecture", "jumprelu");
    assertEquals(
        List.of(
            "k: without effect unless the architecture is topk or batchtopk or matryoshka",
            "target_l0: without effect unless the architecture is jumprelu and"
                + " jumprelu_sparsity_loss_mode is quadratic",
            "lp_norm: without effect unless the architecture is standard"),
        ConfigWarnings.of(jump.with("k", 5).with("target_l0", 7).with("lp_norm", 2), 100_000));
    assertEquals(
        List.of("jumprelu_bandwidth: without effect unless the architecture is jumprelu"),
        ConfigWarnings.of(SAELENS.with("jumprelu_bandwidth", 2), 100_000));
    // Nothing there is served by a threshold that is estimated.
    TrainingConfig theirs =
        TrainingConfig.fromMap(Map.of("recipe", "dictionary-learning", "architecture", "jumprelu"));
    assertFalse(
        ConfigWarnings.of(theirs, 10).stream().anyMatch(line -> line.contains("TopK")),
        ConfigWarnings.of(theirs, 10).toString());
  }
}
