package io.github.sae4j.objective;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Shapes;
import java.util.function.DoubleSupplier;

/**
 * The auxiliary loss that revives dead latents (AuxK, Gao et al. 2024): reconstruct the main
 * residual r = x − x̂ from the top k_aux dead latents, ê, and add
 *
 * <pre>weight · min(n_dead / k_aux, 1) · Σ‖ê − r‖² / normaliser</pre>
 *
 * @param weight weight of the term
 * @param kAux dead latents per row, at most (fewer when fewer are dead)
 * @param scaledByDead whether the factor min(n_dead / k_aux, 1) applies
 * @param residualDetached whether the residual is a constant for the gradient; if not, the term's
 *     gradient also flows into x̂
 * @param relu whether AuxK codes pass through ReLU; otherwise they keep their sign
 * @param bDec how b_dec enters
 * @param normalizer what the sum of squares is divided by; a constant for the gradient
 */
public record AuxK(
    double weight,
    int kAux,
    boolean scaledByDead,
    boolean residualDetached,
    boolean relu,
    BDec bDec,
    Normalizer normalizer)
    implements Term {

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
  public AuxK {
    Shapes.expect(
        weight > 0 && weight < Double.POSITIVE_INFINITY,
        "AuxK coefficient",
        "a positive finite number",
        weight);
    Shapes.expect(kAux >= 1, "k_aux", "at least 1", kAux);
  }

  @Override
  public String metric() {
    return "auxiliary_reconstruction_loss";
  }

  @Override
  public boolean needsVariance() {
    return normalizer == Normalizer.TOTAL_VARIANCE;
  }

  /**
   * Latents that a row takes.
   *
   * @param dead number of dead latents, at least 1
   * @return min(k_aux, dead)
   */
  public int k(int dead) {
    return Math.min(kAux, dead);
  }

  /**
   * How dead latents become active.
   *
   * @param dead number of dead latents, at least 1
   * @return the k largest among them
   */
  public Activation.Ranked activation(int dead) {
    return Activation.Ranked.topK(
        k(dead), relu ? Activation.Ranked.Relu.BEFORE : Activation.Ranked.Relu.NONE);
  }

  /**
   * The factor min(n_dead / k_aux, 1), where it applies.
   *
   * @param dead number of dead latents
   * @return the factor, or 1
   */
  public double scale(int dead) {
    return scaledByDead ? Math.min((double) dead / kAux, 1) : 1;
  }

  /**
   * The divisor for a micro-batch.
   *
   * @param rows its rows
   * @param totalVariance its total variance; used only by {@link Normalizer#TOTAL_VARIANCE}
   * @param residualVariance forms Σ‖e − ē‖²; called only for {@link Normalizer#RESIDUAL_VARIANCE}
   * @return what the sum of squares is divided by
   */
  public double divisor(int rows, double totalVariance, DoubleSupplier residualVariance) {
    return switch (normalizer) {
      case ROWS -> rows;
      case TOTAL_VARIANCE -> totalVariance;
      case RESIDUAL_VARIANCE -> residualVariance.getAsDouble();
    };
  }
}
