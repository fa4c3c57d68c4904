package io.github.sae4j.report.tokens;

import java.io.Closeable;
import java.io.IOException;

/**
 * What each row stands for: a token within its sequence, or a text of its own. Reading rows in
 * ascending order is fast.
 */
public interface Texts extends Closeable {
  /**
   * The consecutive rows that belong together.
   *
   * @param first its first row
   * @param rows how many there are
   * @param source where they are from, as far as the file says it; else empty
   */
  record Sequence(long first, int rows, String source) {}

  /** {@return the number of rows that have a text} */
  long rows();

  /**
   * The sequence that a row belongs to.
   *
   * @param row in {@code [0, rows)}
   */
  Sequence sequence(long row) throws IOException;

  /**
   * Reads what rows stand for, for display: a text begins with a space where one lies before it.
   *
   * @param first first row
   * @param count how many; all of one sequence
   */
  String[] read(long first, int count) throws IOException;

  /** Closes what reading has opened; what is read next opens it again. */
  void rest() throws IOException;

  /** Whether rows are tokens of sequences, rather than texts of their own. */
  boolean tokens();
}
