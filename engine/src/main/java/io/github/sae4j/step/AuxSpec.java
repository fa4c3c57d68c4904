package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;

/**
 * The auxiliary loss that revives dead latents (AuxK, Gao et al. 2024): reconstruct the main
 * residual r = x − x̂ from the top k_aux dead latents, ê, and add
 *
 * <pre>coefficient · min(n_dead / k_aux, 1) · Σ‖ê − r‖² / normaliser</pre>
 *
 * @param coefficient weight of the term; 0 switches it off
 * @param kAux dead latents per row, at most (fewer when fewer are dead)
 * @param scaledByDead whether the factor min(n_dead / k_aux, 1) applies
 * @param residualDetached whether the residual is a constant for the gradient; if not, the term's
 *     gradient also flows into x̂
 * @param relu whether AuxK codes pass through ReLU; otherwise they keep their sign
 * @param bDec how b_dec enters
 * @param normalizer what the sum of squares is divided by; a constant for the gradient
 */
public record AuxSpec(
    double coefficient,
    int kAux,
    boolean scaledByDead,
    boolean residualDetached,
    boolean relu,
    BDec bDec,
    Normalizer normalizer) {

  /** How b_dec enters ê. */
  public enum BDec {
    /** ê includes b_dec, which gets the term's gradient. */
    INCLUDED,
    /** ê is without b_dec. */
    EXCLUDED,
    /**
     * Added to ê and, detached, to the target (OpenAI's published code): cancels in the value, yet
     * b_dec gets the term's gradient.
     */
    CANCELS
  }

  /** What the sum of squared errors is divided by. A divisor of 0 makes the term 0. */
  public enum Normalizer {
    /** The number of rows. */
    ROWS,
    /** Total variance of the batch, Σ‖x − x̄‖². */
    TOTAL_VARIANCE,
    /** The residual's variance about its batch mean, Σ‖e − ē‖². */
    RESIDUAL_VARIANCE
  }

  /** Checks the ranges. */
  public AuxSpec {
    Shapes.expect(
        coefficient >= 0 && coefficient < Double.POSITIVE_INFINITY,
        "AuxK coefficient",
        "a finite number of at least 0",
        coefficient);
    Shapes.expect(kAux >= 1, "k_aux", "at least 1", kAux);
  }
}
