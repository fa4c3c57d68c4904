package io.github.sae4j.step;

/**
 * How the decoder's rows are kept at unit norm.
 *
 * @param when when they are rescaled
 * @param epsilon added to the norm
 * @param projectGradient removes the decoder gradient's part parallel to its row, before clipping
 * @param projectEpsilon see {@link io.github.sae4j.kernels.Kernels#projectRows}
 */
public record DecoderNormRule(
    When when, float epsilon, boolean projectGradient, float projectEpsilon) {
  /** Decoder rows are not constrained. */
  public static final DecoderNormRule FREE = new DecoderNormRule(When.FREE, 0, false, 0);

  /** When decoder rows are brought to unit norm. */
  public enum When {
    /** Never. */
    FREE,
    /** Before every forward pass. */
    BEFORE_FORWARD,
    /** After the backward pass, before projection and clipping. */
    AFTER_BACKWARD,
    /** After the optimizer's step. */
    AFTER_STEP
  }
}
