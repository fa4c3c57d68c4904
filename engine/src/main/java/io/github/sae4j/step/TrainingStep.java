package io.github.sae4j.step;

import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;

/**
 * A compiled training step. It updates the {@link TrainingState} it was compiled for; a device may
 * keep its own copy of the state until {@link #synchronize()}, and after the first run nothing else
 * may change the state, because a device may keep values derived from it.
 */
public interface TrainingStep extends AutoCloseable {
  /**
   * Runs one optimizer step.
   *
   * @param x the batch, {@code [rows, d_in]}, 1 to {@code maxRows} rows; left unchanged. Where rows
   *     are pairs ({@link StepShape#pairs}), {@code [rows, batchWidth]}
   * @param learningRate learning rate of this step
   * @param number number of the step, from 1 (Adam's t)
   * @param withVariance whether to report {@link StepReport#totalVariance()} even if the recipe
   *     does not need it
   * @return losses and counts
   * @throws NonFiniteException if a pre-activation is NaN or infinite; the state is unchanged,
   *     except that decoder rows may have been brought to unit norm
   */
  StepReport run(Matrix x, double learningRate, long number, boolean withVariance);

  /** Copies the device's state into the {@link TrainingState} that the step was compiled for. */
  void synchronize();

  @Override
  void close();
}
