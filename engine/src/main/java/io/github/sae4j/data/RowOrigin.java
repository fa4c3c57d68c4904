package io.github.sae4j.data;

import java.util.Objects;

/**
 * Where a row of activations came from, for messages that people read.
 *
 * @param source the file's path, or a name for data that came from no file
 * @param row row within that file, from 0, sequences flattened
 */
public record RowOrigin(String source, long row) {
  /** Refuses a missing source. */
  public RowOrigin {
    Objects.requireNonNull(source, "source");
  }

  @Override
  public String toString() {
    return source + " row " + row;
  }
}
