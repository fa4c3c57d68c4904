package io.github.sae4j.cli.machine;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * How long a piece of work takes on a machine that may be busy.
 *
 * @param idleSeconds time on an idle machine: its CPU time divided by its threads, or its best
 *     wall-clock time if that is less
 * @param busySeconds wall-clock time, the median of several runs
 */
public record EncoderSpeed(double idleSeconds, double busySeconds) {
  /**
   * Warm-up until the JVM has compiled the work, in CPU time, since a busy machine gives little of
   * it.
   */
  private static final double WARM_UP_CPU_SECONDS = 1.5;

  private static final int WARM_UP_CALLS = 20;
  private static final double MOST_SECONDS = 10;
  private static final double MEASURED_SECONDS = 1;
  private static final int FEWEST_CALLS = 3;

  /**
   * Measures.
   *
   * @param lender passes the work to its argument, and releases it when that returns
   * @param threads threads that share the work; 0 if it does not run on the CPU
   */
  public static EncoderSpeed measure(Consumer<Consumer<Runnable>> lender, int threads) {
    EncoderSpeed[] found = new EncoderSpeed[1];
    lender.accept(work -> found[0] = measure(work, threads));
    return found[0];
  }

  private static EncoderSpeed measure(Runnable work, int threads) {
    double cpu = cpuSeconds();
    long began = System.nanoTime();
    int calls = 0;
    do {
      work.run();
      calls++;
    } while ((calls < WARM_UP_CALLS || cpuSeconds() - cpu < WARM_UP_CPU_SECONDS)
        && seconds(began) < MOST_SECONDS);
    List<Double> times = new ArrayList<>();
    cpu = cpuSeconds();
    began = System.nanoTime();
    do {
      long start = System.nanoTime();
      work.run();
      times.add(seconds(start));
    } while (times.size() < FEWEST_CALLS || seconds(began) < MEASURED_SECONDS);
    double each = (cpuSeconds() - cpu) / times.size();
    times.sort(null);
    double best = times.getFirst();
    double median = times.get(times.size() / 2);
    return new EncoderSpeed(
        threads > 0 && each > 0 ? Math.min(best, each / threads) : best, median);
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) * 1e-9;
  }

  /** CPU time of this process; 0 where it is not known. */
  private static double cpuSeconds() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? Math.max(0, system.getProcessCpuTime()) * 1e-9
        : 0;
  }
}
