package io.github.sae4j.internal.vector.runtime;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the time of a pool goes: per phase its wall time, and the part of it in which all threads
 * worked. The rest is serial: nothing ran on the pool, or threads waited for the last one. Meant
 * for measurements; a pool without a meter takes no times.
 *
 * <p>Phases are named by whoever runs jobs, on one thread; the first begins with {@link #start}.
 */
public final class PoolMeter {
  /**
   * Time spent in a phase.
   *
   * @param name its name
   * @param nanos wall time
   * @param fullNanos the part in which every thread of the pool worked
   */
  public record PhaseTime(String name, long nanos, long fullNanos) {
    /** The part in which fewer threads worked than the pool has. */
    public long serialNanos() {
      return nanos - fullNanos;
    }
  }

  private static final class Sum {
    long nanos;
    long full;
  }

  private final Map<String, Sum> sums = new LinkedHashMap<>();
  private final long[] began;
  private final long[] ended;
  private Sum current;
  private long since;

  /**
   * A meter.
   *
   * @param threads threads of the pool that it is given to
   */
  public PoolMeter(int threads) {
    this.began = new long[threads];
    this.ended = new long[threads];
  }

  /** Forgets everything and begins with a phase of the given name. */
  public void start(String name) {
    sums.clear();
    current = null;
    phase(name);
  }

  /** From now on time belongs to the phase of the given name, also if it was named before. */
  public void phase(String name) {
    long now = System.nanoTime();
    if (current != null) {
      current.nanos += now - since;
    }
    current = sums.computeIfAbsent(name, any -> new Sum());
    since = now;
  }

  /**
   * Ends the current phase.
   *
   * @return all phases, in the order in which they were first named
   */
  public List<PhaseTime> stop() {
    current.nanos += System.nanoTime() - since;
    current = null;
    List<PhaseTime> times = new ArrayList<>();
    sums.forEach((name, sum) -> times.add(new PhaseTime(name, sum.nanos, sum.full)));
    return times;
  }

  /** A worker begins with a job's tasks. */
  void begin(int worker) {
    began[worker] = System.nanoTime();
  }

  /** A worker found no more tasks. */
  void end(int worker) {
    ended[worker] = System.nanoTime();
  }

  /** All workers have ended: all of them worked from the last beginning to the first end. */
  void endJob() {
    long last = began[0];
    long first = ended[0];
    for (int i = 1; i < began.length; i++) {
      last = Math.max(last, began[i]);
      first = Math.min(first, ended[i]);
    }
    if (current != null) {
      current.full += Math.max(0, first - last);
    }
  }
}
