package io.github.sae4j.tornado.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.Forward;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.RunningThreshold;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which steps are one task graph. No device is needed. */
class GraphSpecTest {
  private static StepSpec spec(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 64)
        .with("k", 4)
        .with("train_batch_size", 8)
        .stepSpec(16, OptionalDouble.of(1));
  }

  @ParameterizedTest
  @EnumSource
  void everyRecipeIsFusedWhereDoublesAreExact(Recipe recipe) {
    // Contrastive codes are composed everywhere.
    boolean fused = recipe != Recipe.SENTENCE_TRANSFORMERS;
    assertEquals(fused, GraphSpec.execution(spec(recipe), true).fused());
    assertFalse(GraphSpec.execution(spec(recipe), false).fused());
  }

  /** The graph does not see the smallest activation, and would leave the threshold as it was. */
  @Test
  void aThresholdIsNotFusedAway() {
    StepSpec step = spec(Recipe.SAELENS);
    Forward forward = step.forward();
    RunningThreshold threshold = new RunningThreshold(RunningThreshold.Kind.SAELENS, 0.1, 0);
    StepSpec keeping =
        new StepSpec(
            step.shape(),
            new Forward(
                forward.activation(),
                forward.rescaleByDecoderNorm(),
                forward.subtractBDec(),
                forward.normalization(),
                forward.inputFactor(),
                Optional.of(threshold)),
            step.objective(),
            step.optimizer(),
            step.deadLatents(),
            step.decoderNorm());
    StepExecution execution = GraphSpec.execution(keeping, true);
    assertFalse(execution.fused(), execution::toString);
    assertTrue(execution.reason().contains("threshold"), execution::reason);
  }

  /** The graph updates the tensors that it knows, and would leave another one as it was. */
  @Test
  void aStateWithMoreTensorsIsNotFused() {
    try (OffHeap memory = new OffHeap()) {
      StepSpec step = spec(Recipe.SAELENS);
      TrainingState state = TrainingState.allocate(memory, 16, 64);
      assertTrue(GraphSpec.takes(step, state, true));
      assertFalse(GraphSpec.takes(step, state, false));
      Parameter more =
          new Parameter("thresholds", memory.vector(64), memory.vector(64), memory.vector(64));
      assertFalse(GraphSpec.takes(step, state.plus(more), true));
    }
  }
}
