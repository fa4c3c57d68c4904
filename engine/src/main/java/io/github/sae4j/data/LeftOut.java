package io.github.sae4j.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Rows that were left out: their number, and the first bad ones by name. A row counts each time it
 * would have been served, once per epoch.
 *
 * @param bad rows that were not finite
 * @param masked rows masked after the stream was laid out
 * @param named the first bad rows and what is wrong with them, each once, at most {@value #NAMED}
 */
public record LeftOut(long bad, long masked, List<String> named) {
  /** How many bad rows are named. */
  public static final int NAMED = 20;

  /** None. */
  public static final LeftOut NONE = new LeftOut(0, 0, List.of());

  /** Copies the names. */
  public LeftOut {
    named = List.copyOf(named);
  }

  /**
   * Adds further rows to these.
   *
   * @param badRows further bad rows
   * @param moreMasked number of further masked rows
   * @return both together
   */
  public LeftOut and(List<BadRow> badRows, long moreMasked) {
    if (badRows.isEmpty() && moreMasked == 0) {
      return this;
    }
    List<String> names = new ArrayList<>(named);
    for (BadRow row : badRows) {
      String name = row.toString();
      if (names.size() < NAMED && !names.contains(name)) {
        names.add(name);
      }
    }
    return new LeftOut(bad + badRows.size(), masked + moreMasked, names);
  }

  /** {@return the number of rows left out, bad and masked} */
  public long rows() {
    return bad + masked;
  }
}
