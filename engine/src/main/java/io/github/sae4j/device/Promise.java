package io.github.sae4j.device;

import java.util.Map;

/**
 * What a device promises about its bits against the scalar oracle.
 *
 * @param exact true if every kernel and every training step returns the oracle's bits
 * @param ulpBounds where not exact: the largest distance per kernel name, in units in the last
 *     place
 */
public record Promise(boolean exact, Map<String, Long> ulpBounds) {
  /** The promise of the same bits. */
  public static final Promise EXACT = new Promise(true, Map.of());

  /** Copies the bounds. */
  public Promise {
    ulpBounds = Map.copyOf(ulpBounds);
  }
}
