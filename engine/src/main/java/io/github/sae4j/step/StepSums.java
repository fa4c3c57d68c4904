package io.github.sae4j.step;

/** Scalar formulas of a training step, on the host in double, shared by all devices. */
public final class StepSums {
  private StepSums() {}

  /**
   * A loss: sum over divisor, 0 where the divisor is 0 (a batch without variance).
   *
   * @param sum the sum of squares
   * @param divisor what it is divided by
   * @return their ratio, or 0
   */
  public static double ratio(double sum, double divisor) {
    return divisor == 0 ? 0 : sum / divisor;
  }

  /**
   * The factor that turns an error into a gradient: weight / (divisor · micro-batches), rounded
   * once to f32; 0 where the divisor is 0 or so small that the factor is beyond f32 (a batch of
   * almost no variance must not make the weights infinite).
   *
   * @param weight 2 times the loss's weight
   * @param divisor the loss's divisor
   * @param microBatches number of micro-batches of the step
   * @return the factor
   */
  public static float factor(double weight, double divisor, int microBatches) {
    float factor = (float) (weight / (divisor * microBatches));
    return Float.isFinite(factor) ? factor : 0f;
  }

  /**
   * Explained variance of one row, 1 − ‖e‖²/‖x − x̄‖²; NaN, meaning absent, where the row lies on
   * the mean.
   *
   * @param squaredError ‖e‖²
   * @param squaredDistance ‖x − x̄‖²
   * @return the share, or NaN
   */
  public static double explained(double squaredError, double squaredDistance) {
    return squaredDistance == 0 ? Double.NaN : 1 - squaredError / squaredDistance;
  }
}
