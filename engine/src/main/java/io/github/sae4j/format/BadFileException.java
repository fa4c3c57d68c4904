package io.github.sae4j.format;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file that is not what it should be: missing, truncated, malformed, of the wrong type or shape.
 * The message is one line that names the file, what was expected and what came; text that comes
 * from the file itself cannot add lines or control characters to it.
 */
public class BadFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Names in a hostile file may be megabytes long. */
  private static final int MAX_MESSAGE = 1000;

  /**
   * A complaint about a file.
   *
   * @param file the file
   * @param problem what was expected and what came
   */
  public BadFileException(Path file, String problem) {
    super(oneLine(file + ": " + problem));
  }

  /**
   * A complaint about a file, with its cause.
   *
   * @param file the file
   * @param problem what was expected and what came
   * @param cause what was thrown underneath
   */
  public BadFileException(Path file, String problem, Throwable cause) {
    super(oneLine(file + ": " + problem), cause);
  }

  private static String oneLine(String message) {
    StringBuilder line = new StringBuilder(Math.min(message.length(), MAX_MESSAGE) + 16);
    for (int i = 0; i < message.length(); i++) {
      if (line.length() >= MAX_MESSAGE) {
        return line.append("...").toString();
      }
      char c = message.charAt(i);
      if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
        line.append(String.format("\\u%04x", (int) c));
      } else {
        line.append(c);
      }
    }
    return line.toString();
  }
}
