package io.github.sae4j.data;

import java.util.Locale;

/**
 * What becomes of a row of activations with a value that is not a finite number of {@code f32}; in
 * training also of one whose squares do not add up within {@code f32}.
 */
public enum OnBadRows {
  /** Reading it is an error that names it. */
  ERROR,
  /** It is left out, counted and named. */
  SKIP;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
