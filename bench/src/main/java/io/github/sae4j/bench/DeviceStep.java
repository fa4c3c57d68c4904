package io.github.sae4j.bench;

import io.github.sae4j.bench.peers.SaelensStep;
import io.github.sae4j.bench.peers.SparsifyStep;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.OptionalDouble;

/** Our training step on one of our devices. */
public final class DeviceStep implements Step {
  private final OffHeap memory;
  private final TrainingStep step;
  private final Matrix x;
  private final double learningRate;
  private long number;

  /**
   * Copies the scene's weights.
   *
   * @param device runs the step
   * @param recipe what it computes
   * @param scene weights and batch
   */
  public DeviceStep(Device device, Recipe recipe, Scene scene) {
    this.memory = device.openMemory();
    Shape shape = scene.shape();
    TrainingState state = TrainingState.allocate(memory, shape.dIn(), shape.dSae());
    state.wEnc().copyFrom(scene.wEnc());
    state.wDec().copyFrom(scene.wDec());
    state.bEnc().copyFrom(scene.bEnc());
    state.bDec().copyFrom(scene.bDec());
    this.step = device.compile(spec(recipe, shape), state);
    this.x = scene.x();
    this.learningRate =
        recipe == Recipe.SAELENS
            ? SaelensStep.LEARNING_RATE
            : SparsifyStep.learningRate(shape.dSae());
  }

  private static StepSpec spec(Recipe recipe, Shape shape) {
    return TrainingConfig.of(recipe)
        .with("k", shape.k())
        .with("d_sae", shape.dSae())
        .with("train_batch_size", shape.batch())
        .stepSpec(shape.dIn(), OptionalDouble.of(1));
  }

  @Override
  public double run() {
    number++;
    return step.run(x, learningRate, number, false).loss();
  }

  @Override
  public void close() {
    step.close();
    memory.close();
  }
}
