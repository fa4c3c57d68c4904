package io.github.sae4j.cli.console;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Recent steps per second. The first steps of a run are slow, before the JVM has compiled them, and
 * do not predict how long the rest will take.
 */
public final class RecentRate {
  private static final long WINDOW_NANOS = 4_000_000_000L;

  /** Before so long nothing can be said. */
  private static final long FIRST_NANOS = 3_000_000_000L;

  private static final int FEWEST_STEPS = 3;

  private record Done(long step, long nanos) {}

  private final Deque<Done> recent = new ArrayDeque<>();
  private long began;

  /** Records the number of steps done. */
  public void add(long step, long nanos) {
    if (recent.isEmpty()) {
      began = nanos;
    }
    recent.addLast(new Done(step, nanos));
    while (recent.size() > FEWEST_STEPS + 1 && nanos - second().nanos() >= WINDOW_NANOS) {
      recent.removeFirst();
    }
    // Of many short steps only some samples are kept, to bound memory.
    if (recent.size() > 4096) {
      Done newest = recent.removeLast();
      recent.removeLast();
      recent.addLast(newest);
    }
  }

  private Done second() {
    var all = recent.iterator();
    all.next();
    return all.next();
  }

  /** Steps per second; NaN until enough steps are done. */
  public double stepsPerSecond() {
    if (recent.isEmpty()
        || recent.getLast().nanos() - began < FIRST_NANOS
        || recent.getLast().step() - recent.getFirst().step() < FEWEST_STEPS) {
      return Double.NaN;
    }
    double seconds = (recent.getLast().nanos() - recent.getFirst().nanos()) * 1e-9;
    return (recent.getLast().step() - recent.getFirst().step()) / seconds;
  }
}
