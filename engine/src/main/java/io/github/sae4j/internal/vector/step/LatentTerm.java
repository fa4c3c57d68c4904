package io.github.sae4j.internal.vector.step;

/**
 * A term's share of each latent's gradient, as the pass over latents needs it. The shares of the
 * terms are chains from +0, added in the order main, Multi-TopK, AuxK (numerics rule 4).
 */
interface LatentTerm {
  /** Whether the term contributes to a latent's gradient; if not, its share is 0. */
  boolean touches(int latent);

  /** The share in the gradient of b_enc. */
  float biasGradient(int latent);

  /**
   * Adds the share in a gradient row of a latent. That of W_dec comes first, and {@link
   * #biasGradient} after it: it may form the gradients that the others need.
   *
   * @param side whose row
   * @param latent a latent that the term touches
   * @param at where the latent's row of W_dec lies among the scratch's, if the side is W_dec and
   *     gradients of codes are still to be formed
   * @param scratch scratch of the calling worker, to whose gradient the share is added
   */
  void addTo(Side side, int latent, int at, StepScratch.Worker scratch);
}
