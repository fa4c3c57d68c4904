package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;

/**
 * Non-negative contrastive learning of codes (CSR, Wen et al. 2025): among the codes p of a batch,
 * the one that belongs to a row's code a should be nearest. With scores s_bj = ⟨a_b, p_j⟩ of codes
 * after ReLU, not normalised,
 *
 * <pre>value = mean over rows b of (log Σ_j exp(s_bj) − s_bb)</pre>
 *
 * <p>p_j is the code of row j's positive or, where rows have none, of row j itself. It stands in an
 * objective of tied weights, whose other terms are then those of sentence-transformers' CSRLoss.
 *
 * @param weight weight of the term (γ)
 */
public record Contrast(double weight) implements Term {
  /** Checks the range. */
  public Contrast {
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "contrastive coefficient",
        "a positive finite number",
        weight);
  }

  @Override
  public String metric() {
    return "contrastive_loss";
  }

  @Override
  public boolean needsVariance() {
    return false;
  }
}
