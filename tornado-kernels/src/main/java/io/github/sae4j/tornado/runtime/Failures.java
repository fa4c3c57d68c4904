package io.github.sae4j.tornado.runtime;

/** What TornadoVM's exceptions say. */
public final class Failures {
  private Failures() {}

  /**
   * Whether something was thrown because of a certain kind of exception.
   *
   * @param thrown what was thrown
   * @param kind the kind
   * @return true if it or a cause of it is of that kind
   */
  public static boolean isCausedBy(Throwable thrown, Class<? extends Throwable> kind) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (kind.isInstance(t)) {
        return true;
      }
    }
    return false;
  }

  /**
   * What went wrong, in one line without colours.
   *
   * @param thrown what was thrown
   * @return its class and message
   */
  public static String reason(Throwable thrown) {
    Throwable root = thrown;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String message = root.getMessage() == null ? "" : ": " + root.getMessage();
    return (root.getClass().getSimpleName() + message)
        .replaceAll("\u001B\\[[0-9;]*m", "")
        .replaceAll("\\s+", " ")
        .strip();
  }
}
