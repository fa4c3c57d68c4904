package io.github.sae4j.internal.vector.step;

/**
 * A term of the loss as the pass over latents sees it: its share of each latent's gradient, three
 * chains from +0 that are added in the order main, Multi-TopK, AuxK (numerics rule 4).
 */
interface LatentTerm {
  /** Whether the term has a share in a latent's gradient; if not, that share is 0. */
  boolean touches(int latent);

  /** The share in the gradient of b_enc. */
  float biasGradient(int latent);

  /**
   * Adds the share in a gradient row of a latent.
   *
   * @param side whose row
   * @param latent a latent that the term touches
   * @param scratch scratch of the calling worker, whose gradient is added to
   */
  void addTo(Side side, int latent, StepScratch.Worker scratch);
}
