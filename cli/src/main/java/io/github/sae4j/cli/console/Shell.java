package io.github.sae4j.cli.console;

import java.nio.file.Path;

/** Command lines that a user may copy. */
public final class Shell {
  private Shell() {}

  /** A path as one word of a POSIX shell, and not as an option. */
  public static String word(Path path) {
    String text = path.toString();
    String plain = text.startsWith("-") ? "./" + text : text;
    // What no shell takes for anything else; letters of all scripts are among it.
    boolean safe =
        !plain.isEmpty()
            && plain
                .codePoints()
                .allMatch(c -> Character.isLetterOrDigit(c) || "/._-+:@%,".indexOf(c) >= 0);
    return safe ? plain : "'" + plain.replace("'", "'\\''") + "'";
  }
}
