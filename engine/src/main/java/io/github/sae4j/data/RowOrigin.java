package io.github.sae4j.data;

import java.util.Objects;

/**
 * Where a row of activations came from, for messages that people read.
 *
 * @param source the file's path, or a name for data that came from no file
 * @param row row within that file, from 0, sequences flattened
 */
public record RowOrigin(String source, long row) {
  /**
   * Where one value of a row came from.
   *
   * @param row the row
   * @param column column within it, from 0
   */
  public record Value(RowOrigin row, int column) {
    /** Refuses a missing row. */
    public Value {
      Objects.requireNonNull(row, "row");
    }
  }

  /** Refuses a missing source. */
  public RowOrigin {
    Objects.requireNonNull(source, "source");
  }

  @Override
  public String toString() {
    return source + " row " + row;
  }
}
