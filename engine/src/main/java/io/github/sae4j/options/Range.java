package io.github.sae4j.options;

/**
 * Numbers an option may take. NaN is in no range.
 *
 * @param least the lower bound; {@code -Infinity} for none
 * @param leastIsIn whether it may be taken
 * @param most the upper bound; {@code Infinity} for none
 * @param mostIsIn whether it may be taken
 * @param words the range in messages and documents, as in "expected at least 1"
 */
public record Range(double least, boolean leastIsIn, double most, boolean mostIsIn, String words) {
  /** Any finite number. */
  public static final Range ANY =
      new Range(Double.NEGATIVE_INFINITY, true, Double.POSITIVE_INFINITY, true, "");

  /**
   * A closed lower bound.
   *
   * @param least the bound
   * @return the range
   */
  public static Range atLeast(double least) {
    return new Range(least, true, Double.POSITIVE_INFINITY, true, "at least " + text(least));
  }

  /**
   * An open lower bound.
   *
   * @param bound the bound
   * @return the range
   */
  public static Range moreThan(double bound) {
    return new Range(bound, false, Double.POSITIVE_INFINITY, true, "more than " + text(bound));
  }

  /**
   * Two closed bounds.
   *
   * @param least the lower bound
   * @param most the upper bound
   * @return the range
   */
  public static Range between(double least, double most) {
    return new Range(least, true, most, true, text(least) + " to " + text(most));
  }

  /**
   * A closed lower and an open upper bound.
   *
   * @param least the lower bound
   * @param bound the upper bound
   * @return the range
   */
  public static Range atLeastAndLessThan(double least, double bound) {
    return new Range(
        least, true, bound, false, "at least " + text(least) + " and less than " + text(bound));
  }

  /**
   * This range with other words.
   *
   * @param other the words
   * @return the range
   */
  public Range saying(String other) {
    return new Range(least, leastIsIn, most, mostIsIn, other);
  }

  /**
   * Whether a number is in the range.
   *
   * @param number the number
   * @return true if it is
   */
  public boolean holds(double number) {
    return (leastIsIn ? number >= least : number > least)
        && (mostIsIn ? number <= most : number < most);
  }

  private static String text(double bound) {
    return bound == (long) bound ? Long.toString((long) bound) : Double.toString(bound);
  }
}
