package io.github.sae4j.data;

import java.util.Locale;

/** What to do with a row of activations that holds a value not finite in {@code f32}. */
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
