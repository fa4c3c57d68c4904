package io.github.sae4j.data;

import java.util.Objects;
import java.util.function.LongPredicate;

/**
 * Which rows of a stream are left out although they have a place in it. The place stays empty:
 * their batch is shorter, and no other row moves.
 *
 * @param onBadRows what becomes of rows that are not finite
 * @param removed whether a row of the stream's source was masked after the stream was laid out
 */
public record RowRules(OnBadRows onBadRows, LongPredicate removed) {
  /** Every row takes part; one that is not finite is an error. */
  public static final RowRules ALL = new RowRules(OnBadRows.ERROR, row -> false);

  /** Refuses missing parts. */
  public RowRules {
    Objects.requireNonNull(onBadRows, "onBadRows");
    Objects.requireNonNull(removed, "removed");
  }
}
