package io.github.sae4j.cli.console;

/**
 * Escapes text for a terminal. Results and messages quote names and texts from files, which must
 * not control the terminal or change how a line reads: controls (C0, C1, U+007F), characters
 * without width or that change the writing direction (U+202E), line separators and lone surrogates
 * are printed as {@code \\u202e}, which inside a JSON string means the same character.
 */
public final class Terminal {
  private Terminal() {}

  /**
   * Prints a line on stderr, with everything escaped that is not harmless. All that this program
   * says there, but for its progress, goes through this.
   */
  public static void say(String line) {
    System.err.println(harmless(line));
  }

  /** Whether stdout is a terminal. */
  public static boolean isStdout() {
    return TerminalWidth.ofStdout();
  }

  /** Whether text can be printed unchanged. */
  public static boolean isHarmless(String text) {
    return text.codePoints().allMatch(Terminal::isHarmless);
  }

  /** The text with everything that is not harmless escaped, including line ends. */
  public static String harmless(String text) {
    if (isHarmless(text)) {
      return text;
    }
    StringBuilder escaped = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (isHarmless(c)) {
                escaped.appendCodePoint(c);
                return;
              }
              for (char unit : Character.toChars(c)) {
                escaped.append("\\u%04x".formatted((int) unit));
              }
            });
    return escaped.toString();
  }

  private static boolean isHarmless(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
