package io.github.sae4j.parity;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.parity.Inputs.Kind;
import io.github.sae4j.step.Pairs;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * Compares training steps of every recipe and its variants, as the device compiles them and
 * composed from its kernels, with the oracle's: losses of every step; weights, moments and counters
 * after the last.
 */
final class StepParity {
  private static final int D_IN = 33;
  private static final int D_OUT = 21;
  private static final int D_SAE = 150;
  private static final int K = 5;
  private static final int BATCH = 70;

  /** 0.9 to this power is 2^-137: a gradient of 1 has decayed below the normal floats. */
  private static final int DECAY_STEPS = 900;

  private final Device device;
  private final Device oracle;
  private final long seed;
  private final int steps;
  private final Predicate<StepSpec> wanted;

  StepParity(Device device, Device oracle, long seed, int steps) {
    this(device, oracle, seed, steps, spec -> true);
  }

  StepParity(Device device, Device oracle, long seed, int steps, Predicate<StepSpec> wanted) {
    this.wanted = wanted;
    this.device = device;
    this.oracle = oracle;
    this.seed = seed;
    this.steps = steps;
  }

  /** A recipe with some options changed. */
  private record Variant(Recipe recipe, String name, List<Object> options, float inputFactor) {
    Variant(Recipe recipe, String name, List<Object> options) {
      this(recipe, name, options, 1f);
    }

    /** The same with an input factor. */
    Variant multiplied() {
      return new Variant(recipe, name + " factor", options, 1.37f);
    }

    TrainingConfig config() {
      TrainingConfig config =
          TrainingConfig.of(recipe)
              .with("d_sae", D_SAE)
              .with("k", K)
              .with("train_batch_size", BATCH)
              .with("lr", 1e-3)
              // Latents die within two steps, so that AuxK acts.
              .with("dead_feature_window", 2);
      for (int i = 0; i < options.size(); i += 2) {
        config = config.with((String) options.get(i), options.get(i + 1));
      }
      return config;
    }
  }

  private static List<Variant> variants() {
    List<Variant> all = new ArrayList<>();
    for (Recipe recipe : Recipe.values()) {
      all.add(new Variant(recipe, "", List.of()));
      // About half the latents are dead: AuxK takes a few of them, many, or all.
      for (int kAux : new int[] {4, 20, D_SAE}) {
        all.add(new Variant(recipe, " auxk=" + kAux, List.of("auxk", kAux)));
      }
      if (recipe != Recipe.SENTENCE_TRANSFORMERS) {
        all.add(new Variant(recipe, " accumulation=3", List.of("gradient_accumulation", 3)));
      }
      all.add(
          new Variant(
              recipe,
              " layer_norm",
              List.of("aux_loss_coefficient", 0, "normalize_activations", "layer_norm")));
    }
    all.add(
        new Variant(
            Recipe.SAELENS,
            " constant_norm",
            List.of("aux_loss_coefficient", 0, "normalize_activations", "constant_norm_rescale")));
    all.add(
        new Variant(
            Recipe.SAELENS, " rescale off", List.of("rescale_acts_by_decoder_norm", false)));
    all.add(new Variant(Recipe.SAELENS, " b_dec apart", List.of("apply_b_dec_to_input", false)));
    all.add(new Variant(Recipe.SAELENS, " b_dec in AuxK", List.of("aux_b_dec", "included")));
    all.add(new Variant(Recipe.ELEUTHER, " multi", List.of("multi_topk", true)));
    all.add(
        new Variant(
            Recipe.ELEUTHER,
            " multi rescaled clip",
            List.of(
                "multi_topk", true,
                "rescale_acts_by_decoder_norm", true,
                "clip_grad_norm", 0.5)));
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)) {
      all.add(new Variant(recipe, " batchtopk", List.of("architecture", "batchtopk")));
      all.add(
          new Variant(
              recipe,
              " matryoshka",
              List.of("architecture", "matryoshka", "matryoshka_widths", "7,40,90")));
    }
    all.add(
        new Variant(
            Recipe.SAELENS,
            " batchtopk plain",
            List.of("architecture", "batchtopk", "rescale_acts_by_decoder_norm", false, "k", 1)));
    all.add(
        new Variant(
            Recipe.SAELENS,
            " matryoshka levels",
            List.of("architecture", "matryoshka", "use_matryoshka_aux_loss", true)));
    for (String architecture : List.of("topk", "batchtopk")) {
      all.add(
          new Variant(
              Recipe.DICTIONARY_LEARNING,
              " " + architecture + " annealed",
              List.of("architecture", architecture, "k_anneal_steps", 2)));
    }
    all.add(
        new Variant(
            Recipe.ELEUTHER,
            " multi annealed",
            List.of("multi_topk", true, "k_anneal_steps", 2, "k_anneal_from", 9)));
    all.add(new Variant(Recipe.SENTENCE_TRANSFORMERS, " positives", List.of("pairs", "positives")));
    all.add(
        new Variant(
            Recipe.SENTENCE_TRANSFORMERS,
            " positives normalized",
            List.of("pairs", "positives", "normalize_activations", "layer_norm", "auxk", 20)));
    all.add(new Variant(Recipe.ELEUTHER, " transcoder", List.of("pairs", "targets")));
    all.add(
        new Variant(
            Recipe.ELEUTHER,
            " skip transcoder multi accumulation=3",
            List.of(
                "pairs",
                "targets",
                "skip_connection",
                true,
                "multi_topk",
                true,
                "gradient_accumulation",
                3)));
    all.add(
        new Variant(
            Recipe.SAELENS,
            " skip transcoder batchtopk",
            List.of("pairs", "targets", "skip_connection", true, "architecture", "batchtopk")));
    all.addAll(penalised());
    all.addAll(multiplied());
    // Ranks are scaled by the norms of rows as the step left them.
    for (Recipe recipe : List.of(Recipe.OPENAI, Recipe.DICTIONARY_LEARNING)) {
      all.add(new Variant(recipe, " rescaled", List.of("rescale_acts_by_decoder_norm", true)));
      all.add(
          new Variant(
              recipe,
              " rescaled clip",
              List.of("rescale_acts_by_decoder_norm", true, "clip_grad_norm", 0.5)));
    }
    return all;
  }

  /** Thresholds, penalties of activity and gates. */
  private static List<Variant> penalised() {
    List<Variant> all = new ArrayList<>();
    Map<String, List<Object>> forms = new LinkedHashMap<>();
    // Wide rectangles, so that thresholds move; penalties that grow over the steps.
    forms.put("jumprelu", List.of("jumprelu_bandwidth", 0.75, "sparsity_warm_up_steps", 3));
    forms.put("standard", List.of("sparsity_warm_up_steps", 3));
    forms.put("gated", List.of("sparsity_warm_up_steps", 3));
    for (Recipe recipe : List.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)) {
      forms.forEach((form, options) -> all.add(penalised(recipe, form, "", options)));
    }
    all.add(
        penalised(
            Recipe.SAELENS,
            "jumprelu",
            " tanh",
            List.of(
                "jumprelu_bandwidth", 0.75,
                "jumprelu_sparsity_loss_mode", "tanh",
                "pre_act_loss_coefficient", 0.05)));
    all.add(
        penalised(
            Recipe.SAELENS,
            "jumprelu",
            " log quadratic",
            List.of(
                "jumprelu_bandwidth",
                0.75,
                "jumprelu_sparsity_loss_mode",
                "quadratic",
                "log_threshold",
                true,
                "normalize_activations",
                "layer_norm")));
    all.add(penalised(Recipe.SAELENS, "standard", " p=2", List.of("lp_norm", 2)));
    all.add(
        penalised(
            Recipe.SAELENS,
            "standard",
            " p=1.5",
            List.of("lp_norm", 1.5, "apply_b_dec_to_input", false)));
    all.add(
        penalised(Recipe.DICTIONARY_LEARNING, "standard", " april", List.of("april_update", true)));
    all.add(
        penalised(
            Recipe.SAELENS,
            "jumprelu",
            " skip transcoder",
            List.of("jumprelu_bandwidth", 0.75, "pairs", "targets", "skip_connection", true)));
    return all;
  }

  private static Variant penalised(
      Recipe recipe, String architecture, String name, List<Object> options) {
    List<Object> all = new ArrayList<>(List.of("architecture", architecture));
    all.addAll(options);
    return new Variant(recipe, " " + architecture + name, all);
  }

  /** Every recipe, and every term and normalisation at least once. */
  private static List<Variant> composed() {
    List<Variant> some = new ArrayList<>();
    for (Recipe recipe : Recipe.values()) {
      some.add(new Variant(recipe, "", List.of()));
    }
    some.addAll(multiplied());
    return some;
  }

  private static List<Variant> multiplied() {
    return List.of(
        new Variant(Recipe.OPENAI, "", List.of()).multiplied(),
        new Variant(Recipe.ELEUTHER, " multi", List.of("multi_topk", true)).multiplied(),
        new Variant(
                Recipe.SAELENS,
                " layer_norm",
                List.of("aux_loss_coefficient", 0, "normalize_activations", "layer_norm"))
            .multiplied());
  }

  List<ParityResult> run() {
    List<ParityResult> results = new ArrayList<>();
    for (Variant variant : variants()) {
      results.add(compare(variant, Mode.COMPILED));
    }
    for (Variant variant : composed()) {
      results.add(compare(variant, Mode.COMPOSED));
    }
    activations()
        .forEach(
            (name, activation) ->
                results.add(
                    compare(
                        new Variant(Recipe.SAELENS, " " + name, List.of()),
                        spec -> spec.withActivation(activation),
                        Mode.COMPILED)));
    results.add(decay());
    results.removeIf(Objects::isNull);
    return results;
  }

  /** Every recipe, without its variants. */
  List<ParityResult> runQuick() {
    return variants().stream()
        .filter(variant -> variant.name().isEmpty())
        .map(variant -> compare(variant, Mode.COMPILED))
        .toList();
  }

  /**
   * Latents that fire once and never again: their moments decay below the normal floats, where they
   * must become +0 at one and the same step (rule 11). All tensors are compared at every step,
   * because such small numbers do not show in the weights.
   *
   * @return null if the step is not wanted
   */
  ParityResult decay() {
    int dIn = 5;
    int dSae = 21;
    int rows = 6;
    TrainingConfig config =
        TrainingConfig.of(Recipe.SAELENS)
            .with("d_sae", dSae)
            .with("k", 2)
            .with("train_batch_size", rows)
            .with("aux_loss_coefficient", 0)
            .with("adam_beta2", 0.9);
    StepSpec spec = config.stepSpec(dIn, OptionalDouble.empty());
    if (!wanted.test(spec)) {
      return null;
    }
    Comparison comparison = new Comparison();
    try (OffHeap expectedMemory = oracle.openMemory();
        OffHeap actualMemory = device.openMemory()) {
      TrainingState expected = start(expectedMemory, spec);
      TrainingState actual = start(actualMemory, spec);
      Matrix x = new Inputs(seed + 2, expectedMemory).matrix(rows, dIn, Kind.UNIFORM);
      Matrix y = new Inputs(seed + 2, actualMemory).matrix(rows, dIn, Kind.UNIFORM);
      try (TrainingStep oracleStep = oracle.compile(spec, expected);
          TrainingStep deviceStep = device.compile(spec, actual)) {
        for (int step = 1; step <= DECAY_STEPS && comparison.equal(); step++) {
          // After some steps only the first row, so the same latents fire from then on.
          int used = step <= 3 ? rows : 1;
          reports(
              comparison,
              step,
              oracleStep.run(x.firstRows(used), 1e-3, step, false),
              deviceStep.run(y.firstRows(used), 1e-3, step, false));
          oracleStep.synchronize();
          deviceStep.synchronize();
          states(comparison, "step " + step + " ", expected, actual);
        }
      }
      return comparison.result(
          "step:saelens decay",
          DECAY_STEPS + " steps, B=" + rows + " d=" + dIn + " n=" + dSae + " k=2");
    }
  }

  /** How the device runs a step. */
  private enum Mode {
    /** As it compiles it. */
    COMPILED("step:"),
    /** Composed from its kernels, even if the device would fuse it. */
    COMPOSED("composed step:");

    private final String title;

    Mode(String title) {
      this.title = title;
    }
  }

  /** One activation of each kind other than TopK. */
  private static Map<String, Activation> activations() {
    Map<String, Activation> all = new LinkedHashMap<>();
    all.put("batchtopk fraction", new Ranked(Scope.BATCH, K - 0.5, Order.VALUE, Relu.BEFORE));
    all.put("abstopk", new Ranked(Scope.ROW, K, Order.MAGNITUDE, Relu.NONE));
    all.put("groupmax", new Ranked(Scope.GROUP, K, Order.VALUE, Relu.AFTER));
    all.put("relu", Threshold.RELU);
    all.put("jumprelu", Threshold.jumpRelu(0.75f));
    return all;
  }

  private ParityResult compare(Variant variant, Mode mode) {
    return compare(variant, spec -> spec.withInputFactor(variant.inputFactor()), mode);
  }

  /** Null if the step is not wanted. */
  private ParityResult compare(Variant variant, UnaryOperator<StepSpec> change, Mode mode) {
    TrainingConfig config = variant.config();
    int dOut = config.sae().pairs() == Pairs.TARGETS ? D_OUT : D_IN;
    StepSpec spec = change.apply(config.stepSpec(D_IN, dOut, OptionalDouble.of(2.5)));
    if (!wanted.test(spec)) {
      return null;
    }
    try (OffHeap expectedMemory = oracle.openMemory();
        OffHeap actualMemory = device.openMemory()) {
      TrainingState expected = start(expectedMemory, spec);
      TrainingState actual = start(actualMemory, spec);
      Comparison comparison = new Comparison();
      try (TrainingStep oracleStep = oracle.compile(spec, expected);
          TrainingStep deviceStep =
              mode == Mode.COMPOSED
                  ? new ComposedTrainingStep(device, spec, actual)
                  : device.compile(spec, actual)) {
        Inputs expectedInputs = new Inputs(seed + 1, expectedMemory);
        Inputs actualInputs = new Inputs(seed + 1, actualMemory);
        for (int step = 1; step <= steps; step++) {
          // The last batch is short.
          int rows = step == steps ? spec.shape().rows() - 13 : spec.shape().rows();
          Matrix x = expectedInputs.matrix(rows, spec.shape().batchWidth(), Kind.UNIFORM);
          Matrix y = actualInputs.matrix(rows, spec.shape().batchWidth(), Kind.UNIFORM);
          double lr = 1e-3 / step;
          reports(
              comparison,
              step,
              oracleStep.run(x, lr, step, step % 2 == 0),
              deviceStep.run(y, lr, step, step % 2 == 0));
        }
        deviceStep.synchronize();
      }
      states(comparison, "", expected, actual);
      return comparison.result(
          mode.title + variant.recipe().toString() + variant.name(),
          steps + " steps, B=" + spec.shape().rows() + " d=" + D_IN + " n=" + D_SAE + " k=" + K);
    }
  }

  private static void states(
      Comparison to, String at, TrainingState expected, TrainingState actual) {
    for (int i = 0; i < expected.tensors().size(); i++) {
      to.matrices(
          at + expected.tensors().get(i).name(),
          expected.tensors().get(i).matrix(),
          actual.tensors().get(i).matrix());
    }
    expected
        .statistics()
        .forEach(
            (name, value) ->
                to.doubles(at + name, value, actual.statistics().getOrDefault(name, Double.NaN)));
    for (int i = 0; i < expected.sinceFired().length; i++) {
      to.integers(at + "since_fired[" + i + "]", expected.sinceFired()[i], actual.sinceFired()[i]);
    }
  }

  private TrainingState start(OffHeap memory, StepSpec spec) {
    StepShape shape = spec.shape();
    int dSae = shape.dSae();
    TrainingState state = TrainingState.allocate(memory, spec);
    Inputs inputs = new Inputs(seed, memory);
    state.wEnc().copyFrom(inputs.matrix(dSae, shape.dIn(), Kind.UNIFORM));
    if (!shape.tied()) {
      state.wDec().copyFrom(inputs.matrix(dSae, shape.dOut(), Kind.UNIFORM));
    }
    if (shape.skip()) {
      state.wSkip().copyFrom(inputs.matrix(shape.dOut(), shape.dIn(), Kind.UNIFORM));
    }
    // Half the latents start out of reach, so that some stay dead while others fire.
    for (int i = 0; i < dSae; i++) {
      state.bEnc().set(0, i, i % 2 == 0 ? -3f : 0.1f);
    }
    // Vectors of gates: some 0, some of either sign.
    for (Parameter vector : state.parameters()) {
      if (vector.value().rows() == 1 && state.bEnc() != vector.value()) {
        for (int i = 0; i < vector.value().cols() && vector.value() != state.bDec(); i++) {
          vector.value().set(0, i, (i % 7 - 1) / 8f);
        }
      }
    }
    return state;
  }

  private static void reports(Comparison to, int step, StepReport expected, StepReport actual) {
    String at = "step " + step + " ";
    to.doubles(at + "loss", expected.loss(), actual.loss())
        .doubles(at + "squared error", expected.squaredError(), actual.squaredError())
        .doubles(at + "variance", expected.totalVariance(), actual.totalVariance())
        .doubles(at + "explained", expected.rowExplained(), actual.rowExplained())
        .doubles(at + "gradient norm", expected.gradientNorm(), actual.gradientNorm())
        .integers(at + "active", expected.activeLatents(), actual.activeLatents())
        .integers(at + "dead", expected.dead(), actual.dead())
        .integers(at + "terms", expected.terms().size(), actual.terms().size());
    for (StepReport.TermLoss loss : expected.terms()) {
      to.doubles(at + loss.term().metric(), loss.value(), actual.loss(loss.term().getClass()));
    }
  }
}
