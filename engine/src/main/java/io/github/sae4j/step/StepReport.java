package io.github.sae4j.step;

import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Term;
import java.util.ArrayList;
import java.util.List;

/**
 * Losses and counts of one step. Values that were not computed are NaN.
 *
 * @param rows rows of the step
 * @param loss the total loss, {@link Objective#total}
 * @param terms the value of each term, in the objective's order
 * @param squaredError Σ‖x̂ − x‖² over all rows
 * @param totalVariance Σ‖x − x̄‖², x̄ the mean of the micro-batch, over all rows; or NaN
 * @param rowExplained mean over rows of 1 − ‖e‖²/‖x − x̄‖² (SAELens's {@code
 *     explained_variance_legacy}); or NaN, also when a row lies on the mean
 * @param activeLatents Σ over rows of the number of positive activations
 * @param dead number of dead latents in the mask this step used
 * @param gradientNorm global norm of the gradient before clipping; NaN if the recipe does not clip
 */
public record StepReport(
    int rows,
    double loss,
    List<TermLoss> terms,
    double squaredError,
    double totalVariance,
    double rowExplained,
    long activeLatents,
    int dead,
    double gradientNorm) {

  /**
   * A term of the loss in one step.
   *
   * @param term the term
   * @param value its value before its weight, the mean over micro-batches; 0 when idle
   */
  public record TermLoss(Term term, double value) {}

  /**
   * Pairs terms with their values.
   *
   * @param objective the terms
   * @param values their values, in the same order
   * @return the pairs
   */
  public static List<TermLoss> losses(Objective objective, double... values) {
    List<TermLoss> losses = new ArrayList<>(values.length);
    for (int i = 0; i < values.length; i++) {
      losses.add(new TermLoss(objective.terms().get(i), values[i]));
    }
    return List.copyOf(losses);
  }

  /** {@return the value of the reconstruction term, the main loss} */
  public double mainLoss() {
    return terms.getFirst().value();
  }

  /**
   * The value of a term before its weight.
   *
   * @param kind the kind of term
   * @return its value; 0 if the objective has no such term
   */
  public double loss(Class<? extends Term> kind) {
    for (TermLoss loss : terms) {
      if (kind.isInstance(loss.term())) {
        return loss.value();
      }
    }
    return 0;
  }

  /** {@return L0, the mean number of positive activations per row} */
  public double l0() {
    return (double) activeLatents / rows;
  }

  /**
   * Fraction of variance unexplained of this batch.
   *
   * @return FVU, or NaN if the variance was not computed or is 0
   */
  public double fvu() {
    return totalVariance == 0 ? Double.NaN : squaredError / totalVariance;
  }
}
