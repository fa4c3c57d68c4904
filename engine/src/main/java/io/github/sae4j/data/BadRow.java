package io.github.sae4j.data;

import java.io.IOException;
import java.util.Objects;

/**
 * A row of activations with a value that is not a finite number of {@code f32}, or too large to
 * train on.
 *
 * @param origin the row
 * @param column column of the first such value
 * @param value the value as stored, before it became {@code f32}
 */
public record BadRow(RowOrigin origin, int column, double value) {
  /** Refuses a missing origin. */
  public BadRow {
    Objects.requireNonNull(origin, "origin");
  }

  /** The bad row of a source, given the column where a value is not finite. */
  static BadRow of(ActivationSource source, long row, int column) throws IOException {
    RowOrigin.Value origin = source.origin(row, column);
    return new BadRow(origin.row(), origin.column(), source.stored(row, column));
  }

  /**
   * Describes the problem.
   *
   * @return for instance {@code holds NaN at column 5, expected a number}
   */
  public String problem() {
    String held = "holds " + value + " at column " + column;
    if (!Double.isFinite(value)) {
      return held + ", expected a number";
    }
    return Float.isInfinite((float) value)
        ? held + ", which does not fit f32 (at most 3.4e38)"
        : held + ", too large to train on: the row's squares do not add up within f32";
  }

  @Override
  public String toString() {
    return origin + " " + problem();
  }
}
