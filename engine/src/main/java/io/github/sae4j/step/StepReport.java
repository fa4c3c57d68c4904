package io.github.sae4j.step;

/**
 * Losses and counts of one step. Values that were not formed are NaN.
 *
 * @param rows rows of the step
 * @param loss the total loss: main + coefficient · aux + multi/8
 * @param mainLoss the main loss, mean over micro-batches
 * @param auxLoss the AuxK term before its coefficient, 0 when idle
 * @param multiLoss the Multi-TopK term before its weight
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
    double mainLoss,
    double auxLoss,
    double multiLoss,
    double squaredError,
    double totalVariance,
    double rowExplained,
    long activeLatents,
    int dead,
    double gradientNorm) {

  /**
   * Mean number of positive activations a row.
   *
   * @return L0
   */
  public double l0() {
    return (double) activeLatents / rows;
  }

  /**
   * Fraction of variance unexplained of this batch.
   *
   * @return FVU, or NaN if the variance was not formed or is 0
   */
  public double fvu() {
    return totalVariance == 0 ? Double.NaN : squaredError / totalVariance;
  }
}
