package io.github.sae4j.step;

/**
 * What stands beside the input in the rows of a batch. Such rows are pairs: the input's values
 * first, then those of the other row; they are shuffled, masked and held out together.
 */
public enum Pairs {
  /** Nothing: the input is reconstructed. */
  NONE,
  /** The target, {@code d_out} values: what a transcoder's output approximates. */
  TARGETS
}
