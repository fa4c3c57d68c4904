package io.github.sae4j.numerics;

import java.util.Map;

/**
 * What a device guarantees about its bits, compared with the scalar oracle.
 *
 * @param exact true if every kernel and every training step returns the oracle's bits
 * @param ulpBounds where not exact: the largest distance per kernel name, in units in the last
 *     place
 */
public record Guarantee(boolean exact, Map<String, Long> ulpBounds) {
  /** The same bits. */
  public static final Guarantee EXACT = new Guarantee(true, Map.of());

  /** The bound of a kernel for which nothing is guaranteed. */
  public static final long NONE = Long.MAX_VALUE;

  /** Copies the bounds. */
  public Guarantee {
    ulpBounds = Map.copyOf(ulpBounds);
  }

  /**
   * The largest distance that a kernel may have.
   *
   * @param kernel a method of a device, or {@code step} for training steps
   * @return units in the last place; 0 where exact, {@link #NONE} where nothing is guaranteed
   */
  public long bound(String kernel) {
    return exact ? 0 : ulpBounds.getOrDefault(kernel, NONE);
  }
}
