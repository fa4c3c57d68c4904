package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;
import java.util.List;

/**
 * Nested prefixes of the dictionary (Matryoshka SAEs, Bussmann et al. 2025): the reconstruction
 * from the first w latents alone, for each width w, added to that from all. With the main term's
 * codes cut to latents below w,
 *
 * <pre>value = Σ_w Σ‖x̂_w − x‖² / B</pre>
 *
 * <p>x̂_w includes b_dec. Latents below several widths get the gradients of all of them: from the
 * widest reconstruction to the narrowest, the output gradients are added, and a code's gradient is
 * formed from the sum that belongs to its latent (numerics rule 4).
 *
 * @param widths the inner widths, ascending, each less than d_sae
 * @param weight weight of each of their reconstructions
 * @param auxPerLevel whether AuxK is applied level by level: the dead latents between two widths
 *     reconstruct the residual of the latents below the wider one, with a factor min(n_dead /
 *     k_aux, 1) of their own, and the values are added (SAELens's {@code use_matryoshka_aux_loss})
 */
public record Matryoshka(List<Integer> widths, double weight, boolean auxPerLevel) implements Term {
  /** Checks the order. */
  public Matryoshka {
    widths = List.copyOf(widths);
    Shapes.expect(
        !widths.isEmpty() && widths.getFirst() >= 1, "matryoshka widths", "at least one", widths);
    for (int i = 1; i < widths.size(); i++) {
      Shapes.expect(
          widths.get(i - 1) < widths.get(i), "matryoshka widths", "ascending numbers", widths);
    }
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "matryoshka weight",
        "a positive finite number",
        weight);
  }

  @Override
  public String metric() {
    return "inner_mse_loss";
  }

  @Override
  public boolean needsVariance() {
    return false;
  }
}
