package io.github.sae4j.numerics;

/**
 * What random numbers are for. Each purpose is its own stream, so drawing more for one never shifts
 * another. The codes are part of every run's result: never change or reuse one.
 */
public enum RandomPurpose {
  /** The order of the training rows in each epoch. */
  SHUFFLE(1),
  /** Initial decoder weights. */
  DECODER_WEIGHTS(2),
  /** Initial encoder weights, where a recipe does not copy the decoder's. */
  ENCODER_WEIGHTS(3),
  /** Rows drawn for a statistic, such as a normalisation factor. */
  STATISTICS(4),
  /** Synthetic data of tests, benchmarks and parity checks. */
  SYNTHETIC(5);

  private final int code;

  RandomPurpose(int code) {
    this.code = code;
  }

  int code() {
    return code;
  }
}
