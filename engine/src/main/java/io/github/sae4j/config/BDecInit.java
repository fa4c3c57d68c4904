package io.github.sae4j.config;

/** Where b_dec starts ({@code b_dec_init_method}). */
public enum BDecInit {
  /** At 0. */
  ZEROS,
  /** At the mean of the first activations. */
  MEAN,
  /** At their geometric median. */
  GEOMETRIC_MEDIAN
}
