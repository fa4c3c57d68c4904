package io.github.sae4j.step;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Shapes;
import java.util.OptionalDouble;

/**
 * How gradients change the weights: clipping by their global norm, then Adam.
 *
 * @param beta1 Adam's β₁
 * @param beta2 Adam's β₂
 * @param epsilon Adam's ε
 * @param clipNorm largest global norm of the gradient, if clipped
 */
public record Optimizer(double beta1, double beta2, double epsilon, OptionalDouble clipNorm) {
  /** PyTorch's {@code clip_grad_norm_} adds this to the norm. */
  public static final double CLIP_EPSILON = 1e-6;

  /** Checks the ranges. */
  public Optimizer {
    Shapes.expect(beta1 >= 0 && beta1 < 1, "beta1", "at least 0 and less than 1", beta1);
    Shapes.expect(beta2 >= 0 && beta2 < 1, "beta2", "at least 0 and less than 1", beta2);
    Shapes.expect(epsilon >= 0, "epsilon", "at least 0", epsilon);
    Shapes.expect(clipNorm.orElse(1) > 0, "clip norm", "more than 0", clipNorm);
  }

  /** {@return whether gradients are clipped} */
  public boolean clips() {
    return clipNorm.isPresent();
  }

  /**
   * Adam's constants, without clipping.
   *
   * @param learningRate learning rate of the step
   * @param number number of the step, from 1
   * @return the constants
   */
  public Adam adam(double learningRate, long number) {
    return Adam.of(beta1, beta2, epsilon, learningRate, number);
  }

  /**
   * PyTorch's clipping coefficient: min(1, max_norm / (norm + 1e-6)), rounded to f32.
   *
   * @param norm global norm of the gradient
   * @return the coefficient
   */
  public float clip(double norm) {
    return (float) Math.min(1, clipNorm.getAsDouble() / (norm + CLIP_EPSILON));
  }
}
