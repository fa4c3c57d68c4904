package io.github.sae4j.device;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.StepShape;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * A small training step, by which devices are compared: large enough that a GPU is not judged by
 * its launches alone, over in a second on a CPU.
 */
final class MicroStep {
  private static final int D = 256;
  private static final int LATENTS = 4096;
  private static final int ROWS = 512;
  private static final int K = 32;
  private static final int REPEATS = 3;

  private MicroStep() {}

  /**
   * Times the step.
   *
   * @param device an open device
   * @return the median of three steps in seconds, after one that is not counted
   */
  static double seconds(Device device) {
    return seconds(device, ROWS);
  }

  /** The same on batches of so many rows. */
  static double seconds(Device device, int rows) {
    StepSpec spec =
        new StepSpec(
            new StepShape(D, D, LATENTS, rows, rows),
            new Forward(
                Ranked.topK(K, Ranked.Relu.AFTER), false, true, InputNormalization.NONE, 1f),
            Objective.of(Reconstruction.of(Reconstruction.Measure.SQUARED_ERROR)),
            new Optimizer(0.9, 0.999, 1e-8, OptionalDouble.empty()),
            new DeadLatentRule(
                DeadLatentRule.Fired.POSITIVE,
                new DeadLatentRule.Counting(
                    DeadLatentRule.Counting.Unit.STEPS, 1000, false, true, 0)),
            DecoderNormRule.FREE);
    try (OffHeap memory = device.openMemory()) {
      SplittableRandom random = new SplittableRandom(1);
      TrainingState state = TrainingState.allocate(memory, D, LATENTS);
      fill(state.wEnc(), random);
      state.wDec().copyFrom(state.wEnc());
      Matrix x = memory.matrix(rows, D);
      fill(x, random);
      double[] seconds = new double[REPEATS];
      try (TrainingStep step = device.compile(spec, state)) {
        step.run(x, 1e-4, 1, false);
        for (int i = 0; i < REPEATS; i++) {
          long start = System.nanoTime();
          step.run(x, 1e-4, i + 2, false);
          seconds[i] = (System.nanoTime() - start) * 1e-9;
        }
      }
      Arrays.sort(seconds);
      return seconds[REPEATS / 2];
    }
  }

  private static void fill(Matrix matrix, SplittableRandom random) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (random.nextFloat() - 0.5f) / 8);
      }
    }
  }
}
