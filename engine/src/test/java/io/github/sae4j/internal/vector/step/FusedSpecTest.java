package io.github.sae4j.internal.vector.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which steps the device fuses. */
class FusedSpecTest {
  private static StepSpec spec(Recipe recipe) {
    return TrainingConfig.of(recipe)
        .with("d_sae", 64)
        .with("k", 4)
        .with("train_batch_size", 8)
        .stepSpec(16, OptionalDouble.of(1));
  }

  /** But for the one whose loss contrasts the codes of a batch. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SENTENCE_TRANSFORMERS")
  void everyRecipeIsFused(Recipe recipe) {
    try (VectorDevice device = new VectorDevice(1);
        OffHeap memory = device.openMemory();
        TrainingStep step = device.compile(spec(recipe), TrainingState.allocate(memory, 16, 64))) {
      assertTrue(device.execution(spec(recipe)).fused());
      assertInstanceOf(FusedTrainingStep.class, step);
    }
  }

  @Test
  void otherActivationsAreComposedAndTheReasonNamesThem() {
    for (Activation activation :
        List.of(
            new Ranked(Ranked.Scope.BATCH, 4.5, Ranked.Order.VALUE, Ranked.Relu.BEFORE),
            new Ranked(Ranked.Scope.BATCH, 4, Ranked.Order.VALUE, Ranked.Relu.NONE),
            new Ranked(Ranked.Scope.ROW, 4, Ranked.Order.MAGNITUDE, Ranked.Relu.NONE),
            Ranked.topK(4, Ranked.Relu.NONE),
            Activation.Threshold.RELU)) {
      StepSpec spec = spec(Recipe.SAELENS).withActivation(activation);
      try (VectorDevice device = new VectorDevice(1);
          OffHeap memory = device.openMemory();
          TrainingStep step = device.compile(spec, TrainingState.allocate(memory, 16, 64))) {
        StepExecution execution = device.execution(spec);
        assertFalse(execution.fused());
        assertTrue(execution.reason().contains(activation.toString()), execution.reason());
        assertInstanceOf(ComposedTrainingStep.class, step);
      }
    }
  }

  /** With moments, because a tensor without gradient then moves too, and enters the norm. */
  @Test
  void aStateWithMoreTensorsIsComposed() {
    StepSpec spec = spec(Recipe.SAELENS);
    try (VectorDevice device = new VectorDevice(1);
        OffHeap memory = device.openMemory()) {
      TrainingState state =
          TrainingState.allocate(memory, 16, 64)
              .plus(Parameter.allocate(memory, "threshold", 1, 64));
      state.wEnc().fill(0.1f);
      state.wDec().fill(0.1f);
      state.parameter("threshold").m().fill(1f);
      Matrix x = memory.matrix(8, 16);
      x.fill(0.5f);
      try (TrainingStep step = device.compile(spec, state)) {
        assertInstanceOf(ComposedTrainingStep.class, step);
        step.run(x, 0.1, 1, false);
        assertTrue(state.parameter("threshold").value().get(0, 5) < 0, "Adam moved it");
      }
    }
  }

  /** The order of the tensors is that of the sum that clipping takes (numerics rule 7). */
  @Test
  void aStateInAnotherOrderIsComposed() {
    try (VectorDevice device = new VectorDevice(1);
        OffHeap memory = device.openMemory()) {
      TrainingState state = TrainingState.allocate(memory, 16, 64);
      TrainingState reversed = new TrainingState(state.parameters().reversed(), state.sinceFired());
      try (TrainingStep step = device.compile(spec(Recipe.SAELENS), reversed)) {
        assertInstanceOf(ComposedTrainingStep.class, step);
      }
    }
  }

  @Test
  void termsThatAreMissingAreNull() {
    StepSpec step = spec(Recipe.SAELENS);
    FusedSpec flat = FusedSpec.of(step);
    assertEquals(step.objective().find(AuxK.class).orElseThrow(), flat.aux());
    assertFalse(flat.multiTopK());
    assertEquals(4, flat.encodedK());
    Objective alone = Objective.of(step.objective().reconstruction());
    StepSpec without =
        new StepSpec(
            step.shape(),
            step.forward(),
            alone,
            step.optimizer(),
            step.deadLatents(),
            step.decoderNorm());
    assertEquals(null, FusedSpec.of(without).aux());
  }
}
