package io.github.sae4j.step;

import java.util.Locale;

/**
 * What stands beside the input in the rows of a batch. Such rows are pairs: the input's values
 * first, then those of the other row; they are shuffled, masked and held out together.
 */
public enum Pairs {
  /** Nothing: the input is reconstructed. */
  NONE,
  /** The target, {@code d_out} values: what a transcoder's output approximates. */
  TARGETS,
  /** Another row of the same space whose code should be near, {@code d_in} values. */
  POSITIVES;

  /**
   * Its name in files.
   *
   * @return for instance {@code targets}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
