package io.github.sae4j.device;

import io.github.sae4j.kernels.Shapes;
import java.util.OptionalInt;

/**
 * Wishes for a device; what is empty the device chooses.
 *
 * @param threads number of threads, at least 1
 * @param vectorBits width of CPU vectors: 128, 256 or 512; forced, never silently reduced
 */
public record DeviceOptions(OptionalInt threads, OptionalInt vectorBits) {
  /** No wishes. */
  public static final DeviceOptions DEFAULT =
      new DeviceOptions(OptionalInt.empty(), OptionalInt.empty());

  /** Checks the ranges. */
  public DeviceOptions {
    Shapes.expect(threads.orElse(1) >= 1, "threads", "at least 1", threads.orElse(1));
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
