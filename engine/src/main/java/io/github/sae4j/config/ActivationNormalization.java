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
  LAYER_NORM,
  /**
   * Centres and whitens rows by their covariance, measured once before training; losses are those
   * of whitened rows, and the map is folded into the weights at the end.
   */
  COVARIANCE_WHITENING;

  /**
   * The option with which an SAE that normalises its rows was trained.
   *
   * @param atRunTime what the SAE does
   * @return the option; none also for an SAE into whose weights a factor or a map was folded
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
   * @return the step's normalisation; none for a factor or a map that is applied before the step
   */
  public InputNormalization inputNormalization() {
    return switch (this) {
      case NONE, EXPECTED_AVERAGE_ONLY_IN, COVARIANCE_WHITENING -> InputNormalization.NONE;
      case CONSTANT_NORM_RESCALE -> InputNormalization.CONSTANT_NORM;
      case LAYER_NORM -> InputNormalization.LAYER_NORM;
    };
  }
}
