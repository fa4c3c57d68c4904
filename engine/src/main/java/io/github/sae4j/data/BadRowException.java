package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import java.nio.file.Path;

/**
 * A row of activations that cannot be used. The message names the row, the reason and the options
 * to proceed.
 */
public final class BadRowException extends BadFileException {
  private static final long serialVersionUID = 1L;

  private final transient BadRow row;

  /**
   * A complaint about a row.
   *
   * @param row the row
   */
  public BadRowException(BadRow row) {
    super(
        Path.of(row.origin().source()),
        "row "
            + row.origin().row()
            + " "
            + row.problem()
            + "; --on-bad-rows skip leaves such rows out, --mask FILE those it excludes");
    this.row = row;
  }

  /**
   * The row.
   *
   * @return where it came from and what is wrong with it
   */
  public BadRow row() {
    return row;
  }
}
