package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;

/**
 * The loss that revives dead latents of a JumpReLU SAE (SAELens's {@code pre_act_loss}): how far
 * their pre-activations lie below their thresholds, Σ relu(θ − pre) · ν over the dead latents, the
 * mean over rows. It moves thresholds, encoder and, through the norm ν, decoder rows.
 *
 * @param weight its coefficient
 */
public record PreActivation(double weight) implements Term {
  /** Checks the range. */
  public PreActivation {
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "pre_act_loss_coefficient",
        "a positive finite number",
        weight);
  }

  @Override
  public String metric() {
    return "pre_act_loss";
  }

  @Override
  public boolean needsVariance() {
    return false;
  }
}
