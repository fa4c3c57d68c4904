package io.github.sae4j.bench.results;

import java.util.Locale;

/**
 * A number of the acceptance table.
 *
 * @param name what is compared
 * @param value the ratio
 * @param limit what it should be, or NaN if it is only reported
 * @param atMost whether the limit is an upper one
 */
public record Ratio(String name, double value, double limit, boolean atMost) {
  public static Ratio atMost(String name, double value, double limit) {
    return new Ratio(name, value, limit, true);
  }

  public static Ratio atLeast(String name, double value, double limit) {
    return new Ratio(name, value, limit, false);
  }

  public static Ratio reported(String name, double value) {
    return new Ratio(name, value, Double.NaN, true);
  }

  /** The same, with its limit only if it applies. */
  public Ratio heldIf(boolean applies) {
    return applies ? this : reported(name, value);
  }

  /** Whether there is a limit and it is missed. */
  public boolean missed() {
    return !Double.isNaN(limit) && !(atMost ? value <= limit : value >= limit);
  }

  @Override
  public String toString() {
    String text = String.format(Locale.ROOT, "%-68s %7.3f", name, value);
    return Double.isNaN(limit)
        ? text
        : String.format(
            Locale.ROOT,
            "%s   wanted %s %.2f  %s",
            text,
            atMost ? "<=" : ">=",
            limit,
            missed() ? "MISSED" : "met");
  }
}
