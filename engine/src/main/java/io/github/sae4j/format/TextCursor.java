package io.github.sae4j.format;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/** The texts of a column, from its first row on. Not thread-safe. */
public interface TextCursor extends Closeable {
  /**
   * Passes over rows.
   *
   * @param rows how many, at least 0
   * @return how many there were: fewer at the end of the column
   * @throws BadFileException if the file turns out to be malformed
   * @throws IOException if reading fails
   */
  long skip(long rows) throws IOException;

  /**
   * Reads the texts of the next rows.
   *
   * @param most how many are wanted, at least 0
   * @return theirs, null where a row has none; fewer at the end of the column
   * @throws BadFileException if the file turns out to be malformed
   * @throws IOException if reading fails
   */
  List<String> next(int most) throws IOException;
}
