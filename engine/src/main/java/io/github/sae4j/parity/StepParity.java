package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.StepReport;
import io.github.sae4j.device.StepSpec;
import io.github.sae4j.device.TrainingState;
import io.github.sae4j.device.TrainingStep;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.parity.Inputs.Kind;
import io.github.sae4j.training.Recipe;
import io.github.sae4j.training.TrainingConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Runs training steps of every recipe, and of its variants, on the device and on the oracle, and
 * compares losses, weights, moments and counters after the last.
 */
final class StepParity {
  private static final int D_IN = 33;
  private static final int D_SAE = 150;
  private static final int K = 5;
  private static final int BATCH = 70;

  private final Device device;
  private final Device oracle;
  private final long seed;
  private final int steps;

  StepParity(Device device, Device oracle, long seed, int steps) {
    this.device = device;
    this.oracle = oracle;
    this.seed = seed;
    this.steps = steps;
  }

  /** A recipe with some options changed. */
  private record Variant(Recipe recipe, String name, List<Object> options) {
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
      // About half the latents are dead: a small part of them, a good part, every one.
      for (int kAux : new int[] {4, 20, D_SAE}) {
        all.add(new Variant(recipe, " auxk=" + kAux, List.of("auxk", kAux)));
      }
      all.add(new Variant(recipe, " accumulation=3", List.of("gradient_accumulation", 3)));
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
    all.add(new Variant(Recipe.ELEUTHER, " multi", List.of("multi_topk", true)));
    all.add(
        new Variant(
            Recipe.ELEUTHER,
            " multi rescaled clip",
            List.of(
                "multi_topk", true,
                "rescale_acts_by_decoder_norm", true,
                "clip_grad_norm", 0.5)));
    return all;
  }

  List<ParityResult> run() {
    List<ParityResult> results = new ArrayList<>();
    for (Variant variant : variants()) {
      results.add(compare(variant));
    }
    return results;
  }

  private ParityResult compare(Variant variant) {
    StepSpec spec = variant.config().stepSpec(D_IN, OptionalDouble.of(2.5));
    try (OffHeap expectedMemory = oracle.openMemory();
        OffHeap actualMemory = device.openMemory()) {
      TrainingState expected = start(expectedMemory);
      TrainingState actual = start(actualMemory);
      Comparison comparison = new Comparison();
      try (TrainingStep oracleStep = oracle.compile(spec, expected);
          TrainingStep deviceStep = device.compile(spec, actual)) {
        Inputs expectedInputs = new Inputs(seed + 1, expectedMemory);
        Inputs actualInputs = new Inputs(seed + 1, actualMemory);
        for (int step = 1; step <= steps; step++) {
          // The last batch is short.
          int rows = step == steps ? spec.maxRows() - 13 : spec.maxRows();
          Matrix x = expectedInputs.matrix(rows, D_IN, Kind.UNIFORM);
          Matrix y = actualInputs.matrix(rows, D_IN, Kind.UNIFORM);
          double lr = 1e-3 / step;
          reports(
              comparison,
              step,
              oracleStep.run(x, lr, step, step % 2 == 0),
              deviceStep.run(y, lr, step, step % 2 == 0));
        }
        deviceStep.synchronize();
      }
      for (int i = 0; i < expected.tensors().size(); i++) {
        comparison.matrices(
            expected.tensors().get(i).name(),
            expected.tensors().get(i).matrix(),
            actual.tensors().get(i).matrix());
      }
      for (int i = 0; i < D_SAE; i++) {
        comparison.integers(
            "since_fired[" + i + "]", expected.sinceFired()[i], actual.sinceFired()[i]);
      }
      return comparison.result(
          "step:" + variant.recipe().toString() + variant.name(),
          steps + " steps, B=" + spec.maxRows() + " d=" + D_IN + " n=" + D_SAE + " k=" + K);
    }
  }

  private TrainingState start(OffHeap memory) {
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    Inputs inputs = new Inputs(seed, memory);
    state.wEnc().copyFrom(inputs.matrix(D_SAE, D_IN, Kind.UNIFORM));
    state.wDec().copyFrom(inputs.matrix(D_SAE, D_IN, Kind.UNIFORM));
    // Half the latents start out of reach, so that some stay dead while others fire.
    for (int i = 0; i < D_SAE; i++) {
      state.bEnc().set(0, i, i % 2 == 0 ? -3f : 0.1f);
    }
    return state;
  }

  private static void reports(Comparison to, int step, StepReport expected, StepReport actual) {
    String at = "step " + step + " ";
    to.doubles(at + "loss", expected.loss(), actual.loss())
        .doubles(at + "main", expected.mainLoss(), actual.mainLoss())
        .doubles(at + "aux", expected.auxLoss(), actual.auxLoss())
        .doubles(at + "multi", expected.multiLoss(), actual.multiLoss())
        .doubles(at + "squared error", expected.squaredError(), actual.squaredError())
        .doubles(at + "variance", expected.totalVariance(), actual.totalVariance())
        .doubles(at + "explained", expected.rowExplained(), actual.rowExplained())
        .doubles(at + "gradient norm", expected.gradientNorm(), actual.gradientNorm())
        .integers(at + "active", expected.activeLatents(), actual.activeLatents())
        .integers(at + "dead", expected.dead(), actual.dead());
  }
}
