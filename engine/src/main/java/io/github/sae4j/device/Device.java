package io.github.sae4j.device;

import io.github.sae4j.internal.composed.ComposedMemory;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.StepExecution;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;

/**
 * Runs kernels on memory that it owns: the scalar oracle, the Vector API device, a GPU. It has two
 * levels: single kernels (serving, evaluation, parity) and compiled training steps, which a device
 * may fuse.
 *
 * <p>After {@link #close()} every call throws {@link IllegalStateException}.
 */
public interface Device extends Kernels, AutoCloseable {
  /**
   * The name by which the device is chosen.
   *
   * @return {@code scalar}, {@code cpu} or, for instance, {@code tornado:0}
   */
  String name();

  /**
   * What runs, for logs.
   *
   * @return one line, for instance {@code Vector API, 512 bits, 2 threads}
   */
  String description();

  /**
   * What the device guarantees about its bits.
   *
   * @return exactness or bounds
   */
  Guarantee guarantee();

  /**
   * How {@link #compile} would run a step on a {@linkplain TrainingState#isPlain plain} state; any
   * other state is updated by a composed step.
   *
   * @param spec the step
   * @return fused or composed, and why
   */
  default StepExecution execution(StepSpec spec) {
    return StepExecution.composed("this device has no passes of its own");
  }

  /**
   * Compiles a training step that updates the given state in place: in fused passes where the
   * device has them, with the bits of the composition, and otherwise composed from its kernels.
   *
   * @param spec what a step computes
   * @param state weights, moments and counters, allocated from this device's memory
   * @return a step to run once per batch; the caller closes it
   */
  default TrainingStep compile(StepSpec spec, TrainingState state) {
    return new ComposedTrainingStep(this, spec, state);
  }

  /**
   * The memory that a compiled step, its state and its batches take, at most. For a composed step,
   * scratch memory of the device's kernels is not included.
   *
   * @param spec what a step computes
   * @return sizes by part
   */
  default MemoryPlan memoryPlan(StepSpec spec) {
    return ComposedMemory.of(spec);
  }

  /** Frees threads and device resources; a second call does nothing. */
  @Override
  void close();
}
