package io.github.sae4j.device;

import io.github.sae4j.kernels.Shapes;
import java.util.OptionalInt;

/**
 * Options of a device; anything left empty is the device's choice.
 *
 * @param threads number of threads, 1 to {@link #MOST_THREADS}
 * @param vectorBits width of CPU vectors: 128, 256 or 512; forced, never silently reduced
 */
public record DeviceOptions(OptionalInt threads, OptionalInt vectorBits) {
  /** More threads than a machine has cores; each takes memory of its own. */
  public static final int MOST_THREADS = 4096;

  /** Everything is the device's choice. */
  public static final DeviceOptions DEFAULT =
      new DeviceOptions(OptionalInt.empty(), OptionalInt.empty());

  /** Checks the ranges. */
  public DeviceOptions {
    Shapes.expect(
        threads.orElse(1) >= 1 && threads.orElse(1) <= MOST_THREADS,
        "threads",
        "1 to " + MOST_THREADS,
        threads.orElse(1));
    Shapes.expect(
        vectorBits.isEmpty()
            || vectorBits.getAsInt() == 128
            || vectorBits.getAsInt() == 256
            || vectorBits.getAsInt() == 512,
        "vector bits",
        "128, 256 or 512",
        vectorBits.orElse(0));
  }
}
