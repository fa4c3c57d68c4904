package io.github.sae4j.objective;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Shapes;

/**
 * Multi-TopK (Gao et al. 2024): the fraction of variance unexplained of a second reconstruction,
 * from a multiple of the main term's k latents.
 *
 * @param weight weight of the term
 * @param multiple how many times k
 */
public record MultiTopK(double weight, int multiple) implements Term {
  /** Sparsify's values: 4k, weight 1/8. */
  public static final MultiTopK SPARSIFY = new MultiTopK(1.0 / 8, 4);

  /** Checks the ranges. */
  public MultiTopK {
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "Multi-TopK weight",
        "a positive finite number",
        weight);
    Shapes.expect(multiple >= 2, "Multi-TopK multiple", "at least 2", multiple);
  }

  @Override
  public String metric() {
    return "multi_topk_loss";
  }

  @Override
  public boolean needsVariance() {
    return true;
  }

  /**
   * The term's own activation.
   *
   * @param main the main term's
   * @param dSae number of latents
   * @return the same with min(multiple · k, d_sae) places
   */
  public Activation.Ranked activation(Activation.Ranked main, int dSae) {
    return main.withK(Math.min(multiple * main.k(), dSae));
  }
}
