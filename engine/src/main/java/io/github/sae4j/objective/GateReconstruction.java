package io.github.sae4j.objective;

/**
 * The loss that trains the gates of a gated SAE, through which the main loss has no gradient
 * (Rajamanoharan et al. 2024): the squared error of the reconstruction from the positive gate
 * pre-activations themselves, Σ‖relu(π) W_dec + b_dec − x‖², the mean over rows.
 *
 * @param detached whether decoder and b_dec are constants in it (dictionary_learning); otherwise
 *     they are trained by it too (SAELens)
 */
public record GateReconstruction(boolean detached) implements Term {
  @Override
  public String metric() {
    return "auxiliary_reconstruction_loss";
  }

  @Override
  public double weight() {
    return 1;
  }

  @Override
  public boolean needsVariance() {
    return false;
  }
}
