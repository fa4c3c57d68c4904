package io.github.sae4j.kernels;

/**
 * The constants of one Adam step (Kingma and Ba 2015, as PyTorch's {@code torch.optim.Adam} defines
 * it, without weight decay), and the update written out as a sequence of roundings (numerics rule
 * 8; no product is added to another product in one expression, so compilers cannot contract it
 * differently):
 *
 * <pre>
 * g  = gradient · clip              one rounding, only when the recipe clips
 * m' = fma(g, 1−β₁, fma(m, −(1−β₁), m))
 * q  = g · g
 * v' = fma(q, 1−β₂, fma(v, −(1−β₂), v))
 * m', v' of magnitude below 2⁻¹²⁶ become +0   (rule 11)
 * s  = fma(√v', 1/√(1−β₂ᵗ), ε)
 * w' = fma(m' / s, −lr/(1−β₁ᵗ), w)
 * </pre>
 *
 * The moments stored are the flushed ones, and they are the ones used in s and w'. If s is 0 (only
 * with ε = 0) the quotient is not finite, as in PyTorch.
 *
 * @param oneMinusBeta1 1−β₁, rounded to f32
 * @param oneMinusBeta2 1−β₂, rounded to f32
 * @param inverseRootCorrection2 1/√(1−β₂ᵗ), rounded to f32
 * @param epsilon ε
 * @param negativeStepSize −lr/(1−β₁ᵗ), rounded to f32
 * @param clip clipping coefficient; meaningful only if {@code clipped}
 * @param clipped whether gradients are multiplied by {@code clip}
 */
public record Adam(
    float oneMinusBeta1,
    float oneMinusBeta2,
    float inverseRootCorrection2,
    float epsilon,
    float negativeStepSize,
    float clip,
    boolean clipped) {

  /** The smallest magnitude a stored moment may have: 2⁻¹²⁶. */
  public static final float SMALLEST_MOMENT = Float.MIN_NORMAL;

  /**
   * Constants of step t, computed in double with {@code StrictMath} (rule 9).
   *
   * @param beta1 β₁ in [0, 1)
   * @param beta2 β₂ in [0, 1)
   * @param epsilon ε
   * @param learningRate lr of this step
   * @param t number of the step, from 1
   * @return constants without clipping
   */
  public static Adam of(double beta1, double beta2, double epsilon, double learningRate, long t) {
    double correction1 = 1 - StrictMath.pow(beta1, (double) t);
    double correction2 = 1 - StrictMath.pow(beta2, (double) t);
    return new Adam(
        (float) (1 - beta1),
        (float) (1 - beta2),
        (float) (1 / Math.sqrt(correction2)),
        (float) epsilon,
        (float) -(learningRate / correction1),
        1f,
        false);
  }

  /**
   * The same step with gradients multiplied by a clipping coefficient.
   *
   * @param coefficient the coefficient, also when it is 1
   * @return clipped constants
   */
  public Adam clippedBy(float coefficient) {
    return new Adam(
        oneMinusBeta1,
        oneMinusBeta2,
        inverseRootCorrection2,
        epsilon,
        negativeStepSize,
        coefficient,
        true);
  }
}
