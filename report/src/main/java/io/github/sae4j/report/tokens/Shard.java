package io.github.sae4j.report.tokens;

import java.nio.file.Path;
import java.util.Objects;

/**
 * A file of several that hold rows, or texts of rows, one after the other.
 *
 * @param file the file
 * @param firstRow the row that it begins with
 */
public record Shard(Path file, long firstRow) {
  /** Checks the row. */
  public Shard {
    Objects.requireNonNull(file, "file");
    if (firstRow < 0) {
      throw new IllegalArgumentException("first row: expected at least 0, got " + firstRow);
    }
  }
}
