package io.github.sae4j.bench.results;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** One table of the report: timings, ratios and checks. */
public final class Section {
  /**
   * The work of a run, to print a rate beside its time.
   *
   * @param amount floating-point operations or bytes of one run
   * @param unit {@code GFLOP/s} or {@code GB/s}
   */
  public record Work(double amount, String unit) {}

  private final String title;
  private final Map<String, Timing> timings = new LinkedHashMap<>();
  private final Map<String, Work> works = new LinkedHashMap<>();
  private final List<Ratio> ratios = new ArrayList<>();
  private final List<Check> checks = new ArrayList<>();

  public Section(String title) {
    this.title = title;
  }

  public void add(Map<String, Timing> more) {
    timings.putAll(more);
  }

  public void work(String name, double amount, String unit) {
    works.put(name, new Work(amount, unit));
  }

  public void add(Ratio ratio) {
    ratios.add(ratio);
  }

  public void add(Check check) {
    checks.add(check);
  }

  public String title() {
    return title;
  }

  public Map<String, Timing> timings() {
    return timings;
  }

  public List<Ratio> ratios() {
    return ratios;
  }

  public List<Check> checks() {
    return checks;
  }

  /** Median seconds of a contender, if it ran. */
  public OptionalDouble seconds(String name) {
    Timing timing = timings.get(name);
    return timing == null ? OptionalDouble.empty() : OptionalDouble.of(timing.median());
  }

  /** The timing of a contender, if it ran. */
  public Optional<Timing> timing(String name) {
    return Optional.ofNullable(timings.get(name));
  }

  /** Median seconds of the fastest contender whose name has one of the prefixes, if any ran. */
  public OptionalDouble fastest(String... prefixes) {
    Optional<Timing> timing = fastestTiming(prefixes);
    return timing.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(timing.get().median());
  }

  /** The contender with the smallest median whose name has one of the prefixes, if any ran. */
  public Optional<Timing> fastestTiming(String... prefixes) {
    return timings.values().stream()
        .filter(
            timing -> {
              for (String prefix : prefixes) {
                if (timing.name().startsWith(prefix)) {
                  return true;
                }
              }
              return false;
            })
        .min(Comparator.comparingDouble(Timing::median));
  }

  /** Rate of a contender in units of 10⁹ per second; NaN if its work is not known. */
  public double rate(String name) {
    Work work = works.get(name);
    return work == null ? Double.NaN : work.amount() / timings.get(name).median() * 1e-9;
  }

  /** The unit of {@link #rate}. */
  public String unit(String name) {
    return works.get(name).unit();
  }

  /** Prints the table. */
  public void print(PrintStream out) {
    out.println();
    out.println(title);
    for (Check check : checks) {
      out.println("  check  " + check);
    }
    for (Timing timing : timings.values()) {
      double rate = rate(timing.name());
      out.printf(
          Locale.ROOT,
          "  %-44s %2d thr %10.3f ms  [%s]%s%n",
          timing.name(),
          timing.threads(),
          timing.median() * 1e3,
          timing.interval().times(1e3),
          Double.isNaN(rate)
              ? ""
              : String.format(Locale.ROOT, "  %.1f %s", rate, unit(timing.name())));
    }
    for (Ratio ratio : ratios) {
      out.println("  ratio  " + ratio);
    }
  }
}
