package io.github.sae4j.parity;

import io.github.sae4j.numerics.Guarantee;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Whether one kernel meets the device's guarantee, over all inputs.
 *
 * @param kernel a method of {@link io.github.sae4j.device.Device}, or {@code step:} and a recipe
 * @param inputs shapes times kinds of numbers times variants that were compared
 * @param elements numbers compared
 * @param different numbers whose bits differ
 * @param maxUlp largest distance, see {@link ParityResult#maxUlp}
 * @param bound the largest distance guaranteed: 0 for exact, {@link Guarantee#NONE} for no
 *     guarantee
 * @param first the first difference in words, with its input; or empty
 */
public record ParityVerdict(
    String kernel,
    int inputs,
    long elements,
    long different,
    long maxUlp,
    long bound,
    String first) {
  /** {@return whether no distance exceeds the bound} */
  public boolean kept() {
    return different == 0 || bound == Guarantee.NONE || maxUlp <= bound;
  }

  /**
   * The verdict in a word or two.
   *
   * @return for instance {@code exact} or {@code BROKEN}
   */
  public String text() {
    if (!kept()) {
      return "BROKEN: promised " + (bound == 0 ? "exact" : bound + " ULP");
    }
    if (different == 0) {
      return "exact";
    }
    return bound == Guarantee.NONE ? "differs, nothing promised" : "within " + bound + " ULP";
  }

  /**
   * For JSON.
   *
   * @return the components by name; {@code bound} is null where nothing is guaranteed
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kernel", kernel);
    map.put("inputs", inputs);
    map.put("elements", elements);
    map.put("different", different);
    map.put("max_ulp", ParityResult.countable(maxUlp));
    map.put("bound", bound == Guarantee.NONE ? null : (Long) bound);
    map.put("first_difference", first.isEmpty() ? null : first);
    map.put("verdict", text());
    map.put("kept", kept());
    return map;
  }
}
