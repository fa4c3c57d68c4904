package io.github.sae4j.data;

import java.util.Objects;
import java.util.function.LongPredicate;

/**
 * Which rows of a stream are left out although they have a place in it. The place stays empty:
 * their batch is shorter, and no other row moves.
 *
 * @param onBadRows what becomes of rows that are not finite, or whose squared length is not, once
 *     they are multiplied by the factor
 * @param removed whether a row of the stream's source was masked after the stream was laid out
 * @param factor what a row will be multiplied by; above 0
 */
public record RowRules(OnBadRows onBadRows, LongPredicate removed, float factor) {
  /** Every row is used; one that is not finite is an error. */
  public static final RowRules ALL = new RowRules(OnBadRows.ERROR, row -> false);

  /** Refuses missing parts. */
  public RowRules {
    Objects.requireNonNull(onBadRows, "onBadRows");
    Objects.requireNonNull(removed, "removed");
    if (!(factor > 0)) {
      throw new IllegalArgumentException("factor: expected more than 0, got " + factor);
    }
  }

  /**
   * Rules for rows that are taken as they are.
   *
   * @param onBadRows what becomes of rows that are not finite, or whose squared length is not
   * @param removed whether a row of the stream's source was masked after the stream was laid out
   */
  public RowRules(OnBadRows onBadRows, LongPredicate removed) {
    this(onBadRows, removed, 1f);
  }

  /**
   * The same for rows that will be multiplied.
   *
   * @param by the factor, above 0
   * @return these rules with it
   */
  public RowRules withFactor(float by) {
    return new RowRules(onBadRows, removed, by);
  }
}
