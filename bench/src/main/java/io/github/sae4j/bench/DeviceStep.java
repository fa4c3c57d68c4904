package io.github.sae4j.bench;

import io.github.sae4j.bench.peers.SaelensStep;
import io.github.sae4j.bench.peers.SparsifyStep;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.config.Architecture;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.util.OptionalDouble;

/** Our training step on one of our devices. */
public final class DeviceStep implements Step {
  /** Small, so that the few steps of a measurement leave thresholds where they are. */
  static final double COEFFICIENT = 1e-3;

  static final double BANDWIDTH = 0.05;

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
    fill(state, scene);
    this.step = device.compile(spec(recipe, shape), state);
    this.x = scene.x();
    this.learningRate =
        recipe == Recipe.SAELENS
            ? SaelensStep.LEARNING_RATE
            : SparsifyStep.learningRate(shape.dSae());
  }

  /**
   * A step of another architecture than TopK, as SAELens trains it, with the weights and codes of
   * an SAE that is trained: about k latents a row are active.
   *
   * @param device runs the step
   * @param architecture what is trained
   * @param scene weights and batch
   * @param theta what about k pre-activations of a row exceed; the threshold, or taken from the
   *     bias where the threshold is 0
   */
  public DeviceStep(Device device, Architecture architecture, Scene scene, double theta) {
    this.memory = device.openMemory();
    Shape shape = scene.shape();
    StepSpec spec =
        TrainingConfig.of(Recipe.SAELENS)
            .with("architecture", architecture.name())
            .with("k", shape.k())
            .with("d_sae", shape.dSae())
            .with("train_batch_size", shape.batch())
            .with("sparsity_coefficient", COEFFICIENT)
            .with("jumprelu_bandwidth", BANDWIDTH)
            .stepSpec(shape.dIn(), OptionalDouble.of(1));
    TrainingState state = TrainingState.allocate(memory, spec);
    fill(state, scene);
    if (architecture == Architecture.JUMPRELU) {
      state.parameter("threshold").value().fill((float) theta);
    } else if (architecture.penalisesActivity()) {
      for (int i = 0; i < shape.dSae(); i++) {
        state.bEnc().set(0, i, (float) (state.bEnc().get(0, i) - theta));
      }
    }
    this.step = device.compile(spec, state);
    this.x = scene.x();
    this.learningRate = SaelensStep.LEARNING_RATE;
  }

  /** What about k pre-activations of a row exceed: the mean over rows of the k-th largest. */
  static double threshold(Device device, Scene scene) {
    int rows = Math.min(64, scene.shape().batch());
    int k = scene.shape().k();
    try (OffHeap scratch = device.openMemory()) {
      SparseCodes codes = scratch.codes(rows, k);
      device.encode(
          scene.encoder(),
          scene.x().firstRows(rows),
          Activation.Ranked.topK(k, Activation.Ranked.Relu.AFTER),
          codes);
      double sum = 0;
      for (int b = 0; b < rows; b++) {
        double least = Double.POSITIVE_INFINITY;
        for (int slot = 0; slot < k; slot++) {
          least = Math.min(least, codes.value(b, slot));
        }
        sum += least;
      }
      return sum / rows;
    }
  }

  private static void fill(TrainingState state, Scene scene) {
    state.wEnc().copyFrom(scene.wEnc());
    state.wDec().copyFrom(scene.wDec());
    state.bEnc().copyFrom(scene.bEnc());
    state.bDec().copyFrom(scene.bDec());
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
