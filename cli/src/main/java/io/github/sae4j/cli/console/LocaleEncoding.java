package io.github.sae4j.cli.console;

import java.util.Optional;

/**
 * The encoding in which the JVM reads arguments and names of files: the locale's, whatever {@code
 * -Dsun.jnu.encoding} says. Where there is no locale, as in many containers, it is ASCII, and every
 * other character of an argument arrives as U+FFFD, and damaged names would get into checkpoints.
 */
public final class LocaleEncoding {
  private static final String REPLACEMENT = "\uFFFD";

  private LocaleEncoding() {}

  /**
   * Finds names that are already damaged.
   *
   * @param args the command line
   * @param currentFolder as the JVM has it
   * @param encoding the locale's
   * @return the problem and its remedy; usually empty
   */
  public static Optional<String> complaint(String[] args, String currentFolder, String encoding) {
    for (String arg : args) {
      if (arg.contains(REPLACEMENT)) {
        return Optional.of("the argument '" + arg + "' cannot be read in " + wayOut(encoding));
      }
    }
    return currentFolder.contains(REPLACEMENT)
        ? Optional.of("the current folder's name cannot be read in " + wayOut(encoding))
        : Optional.empty();
  }

  /** The message for a name that cannot be that of a file here. */
  public static String noPath(String name) {
    return "'" + name + "' is no path in " + wayOut(current());
  }

  /** Names the encoding, and how to change it. */
  public static String wayOut(String encoding) {
    return "the locale's encoding, "
        + encoding
        + (encoding.equals("UTF-8") ? "" : "; use bin/sae4j, or set LC_ALL=C.UTF-8");
  }

  /** The locale's encoding. */
  public static String current() {
    return System.getProperty("sun.jnu.encoding", "unknown");
  }
}
