package io.github.sae4j.data;

import java.util.Objects;

/**
 * Where a value of a row came from.
 *
 * @param row the row
 * @param column column within it, from 0
 */
public record ValueOrigin(RowOrigin row, int column) {
  /** Refuses a missing row. */
  public ValueOrigin {
    Objects.requireNonNull(row, "row");
  }
}
