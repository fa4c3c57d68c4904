package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;

/**
 * The main term, the squared error of the reconstruction: Σ‖e‖² over a divisor; e = x̂ − x.
 *
 * @param measure the divisor
 * @param mseScale factor of {@link Measure#SCALED_MSE}; 1 with the others
 */
public record Reconstruction(Measure measure, double mseScale) implements Term {

  /** What the sum of squared errors is divided by; B is the number of rows of the micro-batch. */
  public enum Measure {
    /** Σ‖e‖² / B. */
    SQUARED_ERROR,
    /** Fraction of variance unexplained, Σ‖e‖² / Σ‖x − x̄‖²; 0 with gradient 0 if that is 0. */
    FVU,
    /** mse_scale · Σ‖e‖² / (B d_out). */
    SCALED_MSE
  }

  /** Checks the range. */
  public Reconstruction {
    Shapes.expect(
        measure != Measure.SCALED_MSE || (mseScale > 0 && mseScale < Double.POSITIVE_INFINITY),
        "mse_scale",
        "a positive finite number",
        mseScale);
  }

  /**
   * A term whose measure needs no scale.
   *
   * @param measure the divisor
   * @return the term
   */
  public static Reconstruction of(Measure measure) {
    return new Reconstruction(measure, 1);
  }

  @Override
  public String metric() {
    return "mse_loss";
  }

  @Override
  public double weight() {
    return 1;
  }

  @Override
  public boolean needsVariance() {
    return measure == Measure.FVU;
  }

  /**
   * The divisor for a micro-batch.
   *
   * @param rows its rows
   * @param dOut width of the output
   * @param totalVariance its total variance; used only by {@link Measure#FVU}
   * @return what Σ‖e‖² is divided by
   */
  public double divisor(int rows, int dOut, double totalVariance) {
    return switch (measure) {
      case SQUARED_ERROR -> rows;
      case FVU -> totalVariance;
      case SCALED_MSE -> (double) rows * dOut / mseScale;
    };
  }
}
