package io.github.sae4j.objective;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Shapes;

/**
 * A second reconstruction of the input, from a multiple of the main term's k latents, all of them
 * dead ones: what Multi-TopK is in sentence-transformers' CSR, whose dead mask has been written
 * into the pre-activations by then. Σ‖x̂ − x‖² / (B d); without dead latents x̂ is b_dec.
 *
 * @param weight weight of the term
 * @param multiple how many times k
 */
public record DeadTopK(double weight, int multiple) implements Term {
  /** The values of sentence-transformers: 4k, weight 1/8. */
  public static final DeadTopK SENTENCE_TRANSFORMERS = new DeadTopK(1.0 / 8, 4);

  /** Checks the ranges. */
  public DeadTopK {
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "Multi-TopK weight",
        "a positive finite number",
        weight);
    Shapes.expect(multiple >= 1, "Multi-TopK multiple", "at least 1", multiple);
  }

  @Override
  public String metric() {
    return "multi_topk_loss";
  }

  @Override
  public boolean needsVariance() {
    return false;
  }

  /**
   * How dead latents become active.
   *
   * @param main the main term's activation
   * @param dead number of dead latents, at least 1
   * @return min(multiple · k, dead) places
   */
  public Activation.Ranked activation(Activation.Ranked main, int dead) {
    return Activation.Ranked.topK(
        (int) Math.min(multiple * main.k(), dead), Activation.Ranked.Relu.BEFORE);
  }
}
