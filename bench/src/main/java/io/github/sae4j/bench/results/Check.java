package io.github.sae4j.bench.results;

import java.util.Locale;

/**
 * A result compared once with another's.
 *
 * @param name what was compared
 * @param error relative difference
 * @param bound largest difference that rounding can explain
 */
public record Check(String name, double error, double bound) {
  /** Whether the results agree. */
  public boolean passed() {
    return error <= bound;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%-60s relative error %.1e, bound %.0e  %s",
        name,
        error,
        bound,
        passed() ? "ok" : "WRONG");
  }
}
