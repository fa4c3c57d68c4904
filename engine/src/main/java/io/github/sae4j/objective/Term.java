package io.github.sae4j.objective;

/**
 * One term of an {@link Objective}. Its value is the mean over the step's micro-batches, before its
 * weight. A new term is one record here and one composed form in {@code composed}; devices may fuse
 * it later, with the same bits.
 */
public sealed interface Term
    permits Reconstruction,
        MultiTopK,
        DeadTopK,
        Matryoshka,
        Contrast,
        Sparsity,
        PreActivation,
        GateReconstruction,
        AuxK {
  /**
   * Its name in metrics.
   *
   * @return the part after {@code losses/}, for instance {@code mse_loss}
   */
  String metric();

  /**
   * What its value is multiplied by in the loss.
   *
   * @return a number of at least 0; 1 for the reconstruction
   */
  double weight();

  /**
   * Whether it divides by the total variance of the micro-batch, Σ‖x − x̄‖².
   *
   * @return true if a step with this term has to compute the variance
   */
  boolean needsVariance();
}
