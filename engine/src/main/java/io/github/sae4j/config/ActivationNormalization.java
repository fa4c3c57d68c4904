package io.github.sae4j.config;

import io.github.sae4j.kernels.InputNormalization;

/** What is done to activations before the SAE sees them ({@code normalize_activations}). */
public enum ActivationNormalization {
  /** Nothing. */
  NONE,
  /**
   * Multiplies all rows by one factor, √d_in over their mean norm, measured once before training;
   * the factor is folded into the weights at the end.
   */
  EXPECTED_AVERAGE_ONLY_IN,
  /** Scales each row to norm √d_in; undone on the output. */
  CONSTANT_NORM_RESCALE,
  /** Standardises each row to mean 0 and standard deviation 1; undone on the output. */
  LAYER_NORM;

  /**
   * The option with which an SAE that normalises its rows was trained.
   *
   * @param atRunTime what the SAE does
   * @return the option; none also for an SAE into whose weights a factor has been folded
   */
  public static ActivationNormalization of(InputNormalization atRunTime) {
    return switch (atRunTime) {
      case NONE -> NONE;
      case CONSTANT_NORM -> CONSTANT_NORM_RESCALE;
      case LAYER_NORM -> LAYER_NORM;
    };
  }

  /**
   * The part that is applied inside every step.
   *
   * @return the step's normalisation; none for the factor that is applied before the step
   */
  public InputNormalization inputNormalization() {
    return switch (this) {
      case NONE, EXPECTED_AVERAGE_ONLY_IN -> InputNormalization.NONE;
      case CONSTANT_NORM_RESCALE -> InputNormalization.CONSTANT_NORM;
      case LAYER_NORM -> InputNormalization.LAYER_NORM;
    };
  }
}
