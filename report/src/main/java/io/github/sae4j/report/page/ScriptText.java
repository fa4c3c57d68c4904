package io.github.sae4j.report.page;

import java.util.Locale;

/**
 * JSON that is safe inside an HTML {@code script} element: no text in it, wherever it came from,
 * can end the element, open a comment or break a line of the script.
 */
final class ScriptText {
  private ScriptText() {}

  /**
   * Escapes what HTML or JavaScript could take for its own.
   *
   * @param json one JSON value
   * @return the same value, without {@code <}, {@code >}, {@code &}, U+2028, U+2029 and marks that
   *     change the direction of text
   */
  static String escaped(String json) {
    StringBuilder text = new StringBuilder(json.length() + 64);
    for (int i = 0; i < json.length(); i++) {
      char next = json.charAt(i);
      if (next == '<' || next == '>' || next == '&' || isInvisible(next)) {
        text.append(String.format(Locale.ROOT, "\\u%04x", (int) next));
      } else {
        text.append(next);
      }
    }
    return text.toString();
  }

  /** Separators of lines, and marks of direction: harmless on the page, confusing in its source. */
  private static boolean isInvisible(char next) {
    return next >= '\u2028' && next <= '\u202e'
        || next >= '\u2066' && next <= '\u2069'
        || next == '\u200e'
        || next == '\u200f'
        || next == '\ufeff';
  }
}
