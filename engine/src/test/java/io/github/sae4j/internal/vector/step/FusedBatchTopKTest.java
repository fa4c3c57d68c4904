package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Batches in which rows take very different numbers of places, against the oracle. */
class FusedBatchTopKTest {
  private static final int D_IN = 9;
  private static final int D_SAE = 120;
  private static final int ROWS = 30;

  /** What the steps of a device leave behind. */
  private record Result(List<Double> losses, Map<String, Double> statistics, List<float[]> state) {}

  /**
   * With large inputs in one row that row takes more places than rows give candidates at first;
   * with equal rows all places are ties; with biases out of reach fewer latents are positive than
   * there are places.
   */
  @ParameterizedTest
  @CsvSource({
    "1000, 0, false, 2", "1000, 0, true, 3", "0.001, 0, true, 1", "1, 0, false, 40",
    "1, -3, true, 3", "0, 0.5, true, 2", "0, 0, false, 2", "0, -1, true, 2"
  })
  void isTheOracles(float firstRow, float bias, boolean rescale, int k) {
    Result expected;
    try (Device oracle = Devices.open("scalar", DeviceOptions.DEFAULT)) {
      expected = train(oracle, firstRow, bias, rescale, k);
    }
    try (Device device = Devices.open("cpu", DeviceOptions.DEFAULT)) {
      Result actual = train(device, firstRow, bias, rescale, k);
      assertEquals(expected.losses(), actual.losses());
      assertEquals(expected.statistics(), actual.statistics());
      for (int i = 0; i < expected.state().size(); i++) {
        assertArrayEquals(expected.state().get(i), actual.state().get(i));
      }
    }
  }

  private static Result train(Device device, float firstRow, float bias, boolean rescale, int k) {
    StepSpec spec =
        TrainingConfig.of(Recipe.SAELENS)
            .with("architecture", "batchtopk")
            .with("d_sae", D_SAE)
            .with("k", k)
            .with("train_batch_size", ROWS)
            .with("dead_feature_window", 1)
            .with("rescale_acts_by_decoder_norm", rescale)
            .stepSpec(D_IN, OptionalDouble.empty());
    if (device.name().equals("cpu")) {
      assertTrue(device.execution(spec).fused());
    }
    try (OffHeap memory = device.openMemory()) {
      TrainingState state = TrainingState.allocate(memory, D_IN, D_SAE);
      Random random = new Random(5);
      fill(state.wEnc(), random, 1);
      fill(state.wDec(), random, 0.3f);
      state.bEnc().fill(bias);
      Matrix x = memory.matrix(ROWS, D_IN);
      List<Double> losses = new ArrayList<>();
      try (TrainingStep training = device.compile(spec, state)) {
        for (int step = 1; step <= 4; step++) {
          fill(x, random, firstRow == 0 ? 0 : 1);
          for (int j = 0; j < D_IN; j++) {
            x.set(0, j, x.get(0, j) * firstRow);
          }
          StepReport report = training.run(x, 1e-3, step, true);
          losses.add(report.loss());
          losses.add((double) report.activeLatents());
        }
        training.synchronize();
      }
      List<float[]> tensors =
          state.tensors().stream().map(tensor -> tensor.matrix().toArray()).toList();
      return new Result(losses, state.statistics(), tensors);
    }
  }

  private static void fill(Matrix matrix, Random random, float deviation) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, deviation * (float) random.nextGaussian());
      }
    }
  }
}
