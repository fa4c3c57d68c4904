package io.github.sae4j.parity;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The result of one comparison of a device with the oracle.
 *
 * @param kernel name of the kernel, or {@code step:} and a recipe
 * @param input shape and kind of the input
 * @param elements numbers compared
 * @param different numbers whose bits differ
 * @param maxUlp largest distance in units in the last place; {@link Long#MAX_VALUE} for a NaN
 *     against a number, or an index against another
 * @param first the first difference in words, or empty
 */
public record ParityResult(
    String kernel, String input, long elements, long different, long maxUlp, String first) {
  /** {@return whether all bits agree} */
  public boolean equal() {
    return different == 0;
  }

  /** {@return the components by name, for JSON} */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kernel", kernel);
    map.put("input", input);
    map.put("elements", elements);
    map.put("different", different);
    map.put("max_ulp", countable(maxUlp));
    map.put("first_difference", first.isEmpty() ? null : first);
    return map;
  }

  /** Null if the values are not comparable as numbers. */
  static Long countable(long ulps) {
    return ulps == Long.MAX_VALUE ? null : (Long) ulps;
  }
}
