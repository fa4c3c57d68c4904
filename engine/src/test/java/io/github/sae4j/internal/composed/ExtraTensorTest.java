package io.github.sae4j.internal.composed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** A trained tensor that only some architectures have, in a composed step. */
class ExtraTensorTest {
  private static final int D_IN = 6;
  private static final int D_SAE = 9;

  @Test
  void itsGradientIsAppliedOnceAndNotRemembered() {
    StepSpec spec =
        TrainingConfig.of(Recipe.SAELENS)
            .with("d_sae", D_SAE)
            .with("k", 2)
            .with("train_batch_size", 4)
            .with("clip_grad_norm", null)
            .with("adam_beta1", 0)
            .stepSpec(D_IN, OptionalDouble.empty());
    try (ScalarDevice device = new ScalarDevice();
        OffHeap memory = device.openMemory()) {
      TrainingState state =
          TrainingState.allocate(memory, D_IN, D_SAE)
              .plus(Parameter.allocate(memory, "threshold", 1, D_SAE));
      Matrix threshold = state.parameter("threshold").value();
      threshold.fill(1f);
      Matrix x = memory.matrix(4, D_IN);
      x.fill(0.5f);
      int[] steps = {0};
      try (ComposedTrainingStep step =
          new ComposedTrainingStep(
              device,
              spec,
              state,
              seen -> {
                if (steps[0]++ == 0) {
                  // What a term of its own would do.
                  seen.gradients().of("threshold").set(0, 3, 2f);
                }
              })) {
        step.run(x, 0.25, 1, false);
        float[] once = {1, 1, 1, 0.75f, 1, 1, 1, 1, 1};
        assertArrayEquals(once, threshold.toArray(), 1e-6f);
        float moved = threshold.get(0, 3);
        step.run(x, 0.25, 2, false);
        assertEquals(moved, threshold.get(0, 3), "no gradient, and beta1 is 0");
      }
    }
  }
}
