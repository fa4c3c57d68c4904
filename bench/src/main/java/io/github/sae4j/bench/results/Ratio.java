package io.github.sae4j.bench.results;

import java.util.Locale;
import java.util.Optional;

/**
 * A number of the acceptance table.
 *
 * @param name what is compared
 * @param value the ratio
 * @param limit what it should be, or NaN if it is only reported
 * @param atMost whether the limit is an upper one
 * @param interval of the quotients of single rounds, where the ratio is one of two times
 */
public record Ratio(
    String name, double value, double limit, boolean atMost, Optional<Interval> interval) {
  /**
   * The ratio of two times: of their medians, with the interval of the quotients round by round.
   *
   * @param name what is compared
   * @param over the time above the line
   * @param under the time below it, of the same rounds
   * @return the ratio, without a limit
   */
  public static Ratio of(String name, Timing over, Timing under) {
    return new Ratio(
        name,
        over.median() / under.median(),
        Double.NaN,
        true,
        Optional.of(Interval.ofQuotients(over.seconds(), under.seconds())));
  }

  /**
   * A time by a number that has no rounds, such as a floor.
   *
   * @param name what is compared
   * @param over the time
   * @param seconds what it is divided by
   * @return the ratio, without a limit
   */
  public static Ratio of(String name, Timing over, double seconds) {
    return new Ratio(
        name,
        over.median() / seconds,
        Double.NaN,
        true,
        Optional.of(over.interval().times(1 / seconds)));
  }

  public static Ratio atMost(String name, double value, double limit) {
    return new Ratio(name, value, limit, true, Optional.empty());
  }

  public static Ratio atLeast(String name, double value, double limit) {
    return new Ratio(name, value, limit, false, Optional.empty());
  }

  public static Ratio reported(String name, double value) {
    return new Ratio(name, value, Double.NaN, true, Optional.empty());
  }

  /** The same by another unit: value and interval multiplied. */
  public Ratio times(double factor) {
    return new Ratio(
        name, value * factor, limit, atMost, interval.map(range -> range.times(factor)));
  }

  /** The same by another name. */
  public Ratio named(String other) {
    return new Ratio(other, value, limit, atMost, interval);
  }

  /** The same, which should be at most {@code most}. */
  public Ratio atMost(double most) {
    return new Ratio(name, value, most, true, interval);
  }

  /** The same, which should be at least {@code least}. */
  public Ratio atLeast(double least) {
    return new Ratio(name, value, least, false, interval);
  }

  /** The same, with its limit only if it applies. */
  public Ratio heldIf(boolean applies) {
    return applies ? this : new Ratio(name, value, Double.NaN, true, interval);
  }

  /** Whether there is a limit and it is missed. */
  public boolean missed() {
    return !Double.isNaN(limit) && !(atMost ? value <= limit : value >= limit);
  }

  @Override
  public String toString() {
    String text =
        String.format(
            Locale.ROOT,
            "%-68s %7.3f%s",
            name,
            value,
            interval.map(range -> "  [" + range + "]").orElse(""));
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
