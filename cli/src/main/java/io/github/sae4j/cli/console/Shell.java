package io.github.sae4j.cli.console;

import java.nio.file.Path;

/** Command lines that a user may copy. */
public final class Shell {
  private Shell() {}

  /** A path as one word of a POSIX shell, and not as an option. */
  public static String word(Path path) {
    String text = path.toString();
    String plain = text.startsWith("-") ? "./" + text : text;
    // Characters without a meaning to any shell; they include letters of all scripts.
    boolean safe =
        !plain.isEmpty()
            && plain
                .codePoints()
                .allMatch(c -> Character.isLetterOrDigit(c) || "/._-+:@%,".indexOf(c) >= 0);
    return safe ? plain : "'" + plain.replace("'", "'\\''") + "'";
  }
}
