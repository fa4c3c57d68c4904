package io.github.sae4j.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Inputs without variance, without norm or of size 1 have defined results (numerics rule 13): no
 * step of any recipe makes a weight or a loss that is not a number.
 */
class DegenerateInputTest {
  private static final long SEED = Long.getLong("degenerate.seed", 13L);
  private static final int STEPS = 3;

  /** Rows, widths and what is in them. */
  private record Case(
      int rows,
      int dIn,
      int dSae,
      int k,
      BiConsumer<Matrix, Random> data,
      Consumer<TrainingState> weights) {
    static Case of(BiConsumer<Matrix, Random> data) {
      return new Case(7, 6, 20, 3, data, state -> {});
    }

    Case shaped(int rows, int dIn, int dSae, int k) {
      return new Case(rows, dIn, dSae, k, data, weights);
    }
  }

  private static final BiConsumer<Matrix, Random> NORMAL =
      (x, random) -> fill(x, () -> (float) random.nextGaussian());

  @EveryDevice
  void constantRows(Device device) {
    BiConsumer<Matrix, Random> constant =
        (x, random) -> {
          for (int b = 0; b < x.rows(); b++) {
            for (int j = 0; j < x.cols(); j++) {
              x.set(b, j, 0.1f * (j + 1));
            }
          }
        };
    for (Recipe recipe : Recipe.values()) {
      StepReport report = run(device, recipe, Case.of(constant));
      assertTrue(Double.isNaN(report.fvu()), recipe + ": FVU is absent");
      assertTrue(Double.isNaN(report.rowExplained()), recipe + ": explained variance is absent");
      if (recipe == Recipe.ELEUTHER) {
        assertEquals(0, report.loss(), "FVU of a batch without variance");
      }
      if (recipe != Recipe.SAELENS && recipe != Recipe.SAELENS_PR370) {
        assertEquals(0, report.loss(AuxK.class), recipe + ": AuxK without variance");
      }
    }
  }

  @EveryDevice
  void rowsOfZeros(Device device) {
    everyRecipe(device, Case.of((x, random) -> x.fill(0f)));
  }

  @EveryDevice
  void aBatchOfOneRow(Device device) {
    everyRecipe(device, Case.of(NORMAL).shaped(1, 6, 20, 3));
  }

  @EveryDevice
  void oneInputColumn(Device device) {
    everyRecipe(device, Case.of(NORMAL).shaped(7, 1, 20, 3));
  }

  @EveryDevice
  void oneOfEverything(Device device) {
    everyRecipe(device, Case.of(NORMAL).shaped(1, 1, 1, 1));
  }

  @EveryDevice
  void everyLatentSelected(Device device) {
    everyRecipe(device, Case.of(NORMAL).shaped(7, 6, 20, 20));
  }

  @EveryDevice
  void decoderRowsWithoutNorm(Device device) {
    Consumer<TrainingState> zeroRows =
        state -> {
          for (int i = 0; i < state.dSae(); i += 2) {
            state.wDec().rows(i, 1).fill(0f);
          }
        };
    everyRecipe(device, new Case(7, 6, 20, 3, NORMAL, zeroRows));
  }

  @EveryDevice
  void weightsOfZero(Device device) {
    everyRecipe(
        device,
        new Case(
            7,
            6,
            20,
            3,
            NORMAL,
            state -> {
              state.wEnc().fill(0f);
              state.wDec().fill(0f);
            }));
  }

  /** Squares that round to 0, and squares so small that 1 over their sum is beyond f32. */
  @EveryDevice
  void rowsWhoseSquaresVanish(Device device) {
    for (double size : new double[] {1e-24, 3e-22}) {
      everyRecipe(
          device, Case.of((x, random) -> fill(x, () -> (float) (size * random.nextGaussian()))));
    }
  }

  private static void everyRecipe(Device device, Case input) {
    for (Recipe recipe : Recipe.values()) {
      run(device, recipe, input);
    }
  }

  /** Runs the composed and the compiled step, with and without Multi-TopK; all latents are dead. */
  private static StepReport run(Device device, Recipe recipe, Case input) {
    StepReport last = null;
    for (boolean multi : new boolean[] {true, false}) {
      if (multi && recipe == Recipe.SENTENCE_TRANSFORMERS) {
        continue; // has a Multi-TopK of its own
      }
      TrainingConfig config =
          TrainingConfig.of(recipe)
              .with("d_sae", input.dSae())
              .with("k", input.k())
              .with("train_batch_size", input.rows())
              .with("mse_scale", 2)
              .with("dead_feature_window", 2)
              .with("multi_topk", multi);
      for (boolean compiled : new boolean[] {true, false}) {
        String what =
            String.join(
                " ", device.name(), recipe.toString(), "seed " + SEED, "compiled " + compiled);
        try (OffHeap memory = device.openMemory()) {
          last = run(device, memory, config, input, compiled, what);
        }
      }
    }
    return last;
  }

  private static StepReport run(
      Device device,
      OffHeap memory,
      TrainingConfig config,
      Case input,
      boolean compiled,
      String what) {
    Random random = new Random(SEED);
    StepSpec spec = config.stepSpec(input.dIn(), OptionalDouble.empty());
    TrainingState state = TrainingState.allocate(memory, spec.shape());
    fill(state.wEnc(), () -> (float) random.nextGaussian());
    fill(state.wDec(), () -> (float) random.nextGaussian());
    input.weights().accept(state);
    Arrays.fill(state.sinceFired(), 100);
    Matrix x = memory.matrix(input.rows(), input.dIn());
    input.data().accept(x, random);
    StepReport report = null;
    try (TrainingStep step =
        compiled ? device.compile(spec, state) : new ComposedTrainingStep(device, spec, state)) {
      for (int t = 1; t <= STEPS; t++) {
        report = step.run(x, 1e-3, t, true);
        assertFinite(what + " loss", report.loss());
        assertFinite(what + " main loss", report.mainLoss());
        assertFinite(what + " AuxK", report.loss(AuxK.class));
        assertFinite(what + " Multi-TopK", report.loss(MultiTopK.class));
      }
      step.synchronize();
    }
    for (TrainingState.Named tensor : state.tensors()) {
      for (float value : tensor.matrix().toArray()) {
        assertFinite(what + " " + tensor.name(), value);
      }
    }
    return report;
  }

  private static void assertFinite(String what, double value) {
    assertTrue(Double.isFinite(value), what + " is " + value);
  }

  private interface Source {
    float next();
  }

  private static void fill(Matrix matrix, Source source) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, source.next());
      }
    }
  }
}
