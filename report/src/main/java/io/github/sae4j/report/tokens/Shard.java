package io.github.sae4j.report.tokens;

import java.nio.file.Path;
import java.util.Objects;

/**
 * A file of several that hold rows, or texts of rows, one after the other.
 *
 * @param file the file
 * @param firstRow the row that it begins with
 * @param rows how many rows it stands for; {@link Long#MAX_VALUE} for as many as there are
 */
public record Shard(Path file, long firstRow, long rows) {
  /** Checks the rows. */
  public Shard {
    Objects.requireNonNull(file, "file");
    if (firstRow < 0 || rows < 0) {
      throw new IllegalArgumentException(
          "shard: expected rows from at least 0 on, got " + rows + " from " + firstRow + " on");
    }
  }

  /**
   * The only file.
   *
   * @param file the file
   * @return from row 0 on as many as there are
   */
  public static Shard all(Path file) {
    return new Shard(file, 0, Long.MAX_VALUE);
  }
}
