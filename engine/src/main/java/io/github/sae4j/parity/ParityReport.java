package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.numerics.Guarantee;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The result of a parity check: what was compared, and one verdict per kernel.
 *
 * @param device the device's name
 * @param description what ran
 * @param against the name of the device that it was compared with
 * @param exact whether the device guarantees exactness
 * @param seed seed of the inputs
 * @param steps training steps per recipe and variant
 * @param verdicts one per kernel and recipe, in the order they ran
 */
public record ParityReport(
    String device,
    String description,
    String against,
    boolean exact,
    long seed,
    int steps,
    List<ParityVerdict> verdicts) {

  /** Copies the list. */
  public ParityReport {
    verdicts = List.copyOf(verdicts);
  }

  static ParityReport of(
      Device device, Device against, long seed, int steps, List<ParityResult> results) {
    Map<String, List<ParityResult>> byKernel = new LinkedHashMap<>();
    for (ParityResult result : results) {
      byKernel.computeIfAbsent(firstWord(result.kernel()), k -> new ArrayList<>()).add(result);
    }
    List<ParityVerdict> verdicts = new ArrayList<>();
    byKernel.forEach((kernel, all) -> verdicts.add(verdict(kernel, all, device.guarantee())));
    return new ParityReport(
        device.name(),
        device.description(),
        against.name(),
        device.guarantee().exact(),
        seed,
        steps,
        verdicts);
  }

  private static String firstWord(String name) {
    int end = name.indexOf(' ');
    return end < 0 ? name : name.substring(0, end);
  }

  private static ParityVerdict verdict(String kernel, List<ParityResult> all, Guarantee promise) {
    long elements = 0;
    long different = 0;
    long maxUlp = 0;
    String first = "";
    for (ParityResult result : all) {
      elements += result.elements();
      different += result.different();
      maxUlp = Math.max(maxUlp, result.maxUlp());
      if (first.isEmpty() && !result.equal()) {
        first = result.kernel() + ", " + result.input() + ": " + result.first();
      }
    }
    long bound = promise.bound(promised(kernel));
    return new ParityVerdict(kernel, all.size(), elements, different, maxUlp, bound, first);
  }

  /** The name of a kernel in a guarantee. */
  private static String promised(String kernel) {
    if (kernel.startsWith("step:")) {
      return "step";
    }
    // The prepared encoder equals the kernel that it prepares.
    return kernel.equals("encoder") ? "encode" : kernel;
  }

  /** {@return whether no kernel's distance exceeds its bound} */
  public boolean kept() {
    return verdicts.stream().allMatch(ParityVerdict::kept);
  }

  /** {@return how many numbers were compared} */
  public long elements() {
    return verdicts.stream().mapToLong(ParityVerdict::elements).sum();
  }

  /**
   * The largest distance found.
   *
   * @return see {@link ParityResult#maxUlp}
   */
  public long maxUlp() {
    return verdicts.stream().mapToLong(ParityVerdict::maxUlp).max().orElse(0);
  }

  /** {@return the components by name, for JSON} */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("device", device);
    map.put("description", description);
    map.put("against", against);
    map.put("promise", exact ? "exact" : "bounds");
    map.put("seed", seed);
    map.put("steps", steps);
    map.put("elements", elements());
    map.put("max_ulp", ParityResult.countable(maxUlp()));
    map.put("kept", kept());
    map.put("kernels", verdicts.stream().map(ParityVerdict::toMap).toList());
    return map;
  }

  /** {@return the table, for the console and for the message of a failed test} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    line(text, "device %s (%s) against %s, seed %d", device, description, against, seed);
    String row = "%-24s %6s %10s %8s  %-10s  %s";
    line(text, row, "kernel", "inputs", "elements", "max ULP", "verdict", "first difference");
    for (ParityVerdict verdict : verdicts) {
      line(
          text,
          row,
          verdict.kernel(),
          verdict.inputs(),
          verdict.elements(),
          ulp(verdict.maxUlp()),
          verdict.text(),
          verdict.first());
    }
    long broken = verdicts.stream().filter(verdict -> !verdict.kept()).count();
    line(
        text,
        "%s: %d kernels and recipes, %d numbers compared, max %s ULP",
        broken == 0 ? "kept" : "BROKEN by " + broken,
        verdicts.size(),
        elements(),
        ulp(maxUlp()));
    return text.toString();
  }

  private static void line(StringBuilder to, String format, Object... values) {
    to.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }

  private static String ulp(long distance) {
    return distance == Long.MAX_VALUE ? "other" : Long.toString(distance);
  }
}
