package io.github.sae4j.tornado;

import java.util.List;
import java.util.Map;

/**
 * What a device that is not exact may promise. A device whose only fault is its division or square
 * root (TornadoVM's PTX backend divides with {@code div.full.f32}, 2 ULP) still returns the exact
 * bits of every kernel that uses neither; those that do are bounded here per kernel, in units in
 * the last place of an element.
 */
final class Bounds {
  /** Kernels that divide or take roots; the largest error of both is 2 ULP. */
  private static final Map<String, Long> DIVISION =
      Map.of(
          // A root of a sum that is exact.
          "rowNorms", 2L,
          // The norm's error, and the quotient's.
          "normalizeRows", 5L);

  private Bounds() {}

  /**
   * The bounds.
   *
   * @param differing operations that differ from the host's
   * @return by kernel name; what is not named is exact if only division or square root differ, and
   *     unbounded otherwise
   */
  static Map<String, Long> whenDiffering(List<String> differing) {
    return DIVISION;
  }
}
