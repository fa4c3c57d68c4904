package io.github.sae4j.internal.flight;

/**
 * Where events come from. The module {@code jdk.jfr} need not be there: without it nothing is
 * recorded. A span is for one thread at a time, and is used again and again, so that recording
 * allocates nothing, whether the recorder is on or not.
 */
public final class Flight {
  private static final boolean RECORDER = find();

  private Flight() {}

  private static boolean find() {
    try {
      Class.forName("jdk.jfr.Event", false, Flight.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }

  /** Something that takes time. */
  public interface Span {
    /** It begins. A span that does not end is not recorded. */
    void begin();

    /**
     * It ends.
     *
     * @param step the training step that it belongs to, from 1; 0 if that is not known
     * @param rows its rows; 0 where that says nothing
     */
    void end(long step, int rows);
  }

  /** A span that is not recorded. */
  private static final class Unrecorded implements Span {
    @Override
    public void begin() {
      // Nothing.
    }

    @Override
    public void end(long step, int rows) {
      // Nothing.
    }
  }

  /**
   * A phase of steps.
   *
   * @param phase which
   * @return its span, for the caller alone
   */
  public static Span phase(Phase phase) {
    return RECORDER ? Events.of(phase) : new Unrecorded();
  }

  /**
   * Whole steps, without the time in which they wait for rows.
   *
   * @return their span, for the caller alone
   */
  public static Span step() {
    return RECORDER ? Events.step() : new Unrecorded();
  }
}
