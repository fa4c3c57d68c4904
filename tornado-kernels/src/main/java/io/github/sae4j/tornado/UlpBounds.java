package io.github.sae4j.tornado;

import io.github.sae4j.numerics.Guarantee;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a device that is not exact may promise: for every kernel the largest distance from the
 * oracle, in units in the last place of an element.
 *
 * <p>A device whose only faults are division and square root, each at most 2 ULP off (OpenCL allows
 * 2.5 ULP for a division that is not asked to be correctly rounded), returns the exact bits of
 * every kernel that uses neither. Of the others only those have a bound in ULP that add nothing to
 * the quotient: after an addition that cancels, a small error may be many units of what is left.
 * About a device that also adds, multiplies or keeps denormals differently nothing is promised.
 */
final class UlpBounds {
  private static final Set<String> MILD = Set.of("division", "square root");

  private static final List<String> WITHOUT_DIVISION =
      List.of(
          "product",
          "encode",
          "activate",
          "decode",
          "codeGradients",
          "accumulateByLatent",
          "sumByLatent",
          "rowDots",
          "rowSquaredDistances",
          "columnSums",
          "columnMeans",
          "subtractRow",
          "subtract",
          "add",
          "scale",
          "scaleRows");

  private UlpBounds() {}

  /**
   * The bounds.
   *
   * @param differing operations that differ from the host's, by the probe's names
   * @return by kernel name; {@link Guarantee#NONE} where there is none
   */
  static Map<String, Long> whenDiffering(Collection<String> differing) {
    boolean mild = MILD.containsAll(differing);
    Map<String, Long> bounds = new HashMap<>();
    for (String kernel : WITHOUT_DIVISION) {
      bounds.put(kernel, mild ? 0 : Guarantee.NONE);
    }
    // The root of an exact sum.
    bounds.put("rowNorms", mild ? 2 : Guarantee.NONE);
    // The norm is off by 2 ULP, the quotient by 2 more: 4 times 2^-23 of the value, which is up to
    // 8 ULP of it, and 1 for the oracle's own rounding.
    bounds.put("normalizeRows", mild ? 9 : Guarantee.NONE);
    // A quotient is added to something else.
    bounds.put("projectRows", Guarantee.NONE);
    bounds.put("adam", Guarantee.NONE);
    bounds.put("step", Guarantee.NONE);
    return bounds;
  }
}
