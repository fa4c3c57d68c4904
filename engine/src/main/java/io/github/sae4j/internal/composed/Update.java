package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Optimizer;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;

/**
 * Applies gradients to the weights: projection, clipping, Adam. Clipping takes the squared norms of
 * gradient rows by lanes, added in double in blocks of 256 for each tensor (a vector is one row),
 * tensors in the state's order; coefficient min(1, max_norm/(√s + 1e-6)) (numerics rule 7).
 */
record Update(Kernels device, StepSpec spec, TrainingState state) {
  /** Brings decoder rows to unit norm if the recipe does so at this point of the step. */
  void normalizeDecoder(DecoderNormRule.When now) {
    DecoderNormRule rule = spec.decoderNorm();
    if (rule.when() == now) {
      device.normalizeRows(state.wDec(), rule.epsilon());
    }
  }

  /**
   * Applies gradients.
   *
   * @param gradients changed by projection
   * @param learningRate learning rate of the step
   * @param number number of the step, from 1
   * @param scratch for row scalars
   * @return the global norm before clipping; NaN if the recipe does not clip
   */
  double apply(Gradients gradients, double learningRate, long number, OffHeap scratch) {
    normalizeDecoder(DecoderNormRule.When.AFTER_BACKWARD);
    if (spec.decoderNorm().projectGradient()) {
      device.projectRows(gradients.wDec(), state.wDec(), spec.decoderNorm().projectEpsilon());
    }
    Optimizer optimizer = spec.optimizer();
    Adam adam = optimizer.adam(learningRate, number);
    double norm = Double.NaN;
    if (optimizer.clips()) {
      norm = norm(gradients, scratch);
      adam = adam.clippedBy(optimizer.clip(norm));
    }
    for (Parameter parameter : state.parameters()) {
      device.adam(
          parameter.value(), gradients.of(parameter.name()), parameter.m(), parameter.v(), adam);
    }
    normalizeDecoder(DecoderNormRule.When.AFTER_STEP);
    return norm;
  }

  private double norm(Gradients gradients, OffHeap scratch) {
    double squares = 0;
    for (Parameter parameter : state.parameters()) {
      Matrix gradient = gradients.of(parameter.name());
      Matrix rows = scratch.vector(gradient.rows());
      device.rowDots(gradient, gradient, rows);
      squares += Pass.sum(rows);
    }
    return Math.sqrt(squares);
  }
}
