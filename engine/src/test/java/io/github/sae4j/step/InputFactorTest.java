package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/** The factor by which a step multiplies its batch, against a batch multiplied beforehand. */
class InputFactorTest {
  private static final float FACTOR = 1.7f;
  private static final int D_IN = 19;
  private static final int D_SAE = 60;
  private static final int ROWS = 40;

  @EveryDevice
  void aStepWithAFactorHasTheBitsOfOneOnMultipliedRows(Device device) {
    for (TrainingConfig config :
        List.of(
            config(Recipe.SAELENS),
            config(Recipe.ELEUTHER).with("multi_topk", true),
            config(Recipe.OPENAI),
            config(Recipe.SAELENS)
                .with("aux_loss_coefficient", 0)
                .with("normalize_activations", "layer_norm"))) {
      StepSpec spec = config.stepSpec(D_IN, OptionalDouble.of(1.5));
      try (OffHeap memory = device.openMemory()) {
        Matrix x = random(memory, ROWS, 2);
        Matrix before = copy(memory, x);
        Matrix multiplied = copy(memory, x);
        device.scale(multiplied, FACTOR);
        TrainingState expected = state(memory);
        TrainingState actual = state(memory);
        try (TrainingStep plain = device.compile(spec, expected);
            TrainingStep withFactor = device.compile(spec.withInputFactor(FACTOR), actual)) {
          for (int number = 1; number <= 3; number++) {
            StepReport wanted = plain.run(multiplied, 1e-2, number, true);
            assertEquals(wanted, withFactor.run(x, 1e-2, number, true), config.toString());
          }
          plain.synchronize();
          withFactor.synchronize();
        }
        assertArrayEquals(before.toArray(), x.toArray(), "the batch is left unchanged");
        for (int i = 0; i < expected.tensors().size(); i++) {
          assertArrayEquals(
              expected.tensors().get(i).matrix().toArray(),
              actual.tensors().get(i).matrix().toArray(),
              config + " " + expected.tensors().get(i).name());
        }
      }
    }
  }

  private static TrainingConfig config(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", D_SAE)
        .with("k", 4)
        .with("train_batch_size", ROWS)
        .with("dead_feature_window", 1);
  }

  private static TrainingState state(OffHeap memory) {
    TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
    state.wEnc().copyFrom(random(memory, D_SAE, 3));
    state.wDec().copyFrom(random(memory, D_SAE, 4));
    for (int i = 0; i < D_SAE; i++) {
      state.bEnc().set(0, i, i % 2 == 0 ? -9f : 0.1f);
    }
    return state;
  }

  private static Matrix copy(OffHeap memory, Matrix source) {
    Matrix copy = memory.matrix(source.rows(), source.cols());
    copy.copyFrom(source);
    return copy;
  }

  private static Matrix random(OffHeap memory, int rows, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Matrix matrix = memory.matrix(rows, D_IN);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < D_IN; j++) {
        matrix.set(i, j, (float) (2 * random.nextDouble() - 1));
      }
    }
    return matrix;
  }
}
