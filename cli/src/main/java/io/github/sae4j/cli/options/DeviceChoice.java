package io.github.sae4j.cli.options;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The options that choose a device. */
public final class DeviceChoice {
  private static final String TORNADO = "tornado";

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "auto, cpu, scalar or tornado[:index] (default: auto).")
  public String device = "auto";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the CPU device (default: one per core).")
  public Integer threads;

  @Option(
      names = "--vector-bits",
      paramLabel = "BITS",
      description = "128, 256 or 512: forces the CPU device's vectors (default: the widest).")
  public Integer vectorBits;

  public Device open() {
    // This happens only in a JVM that the launcher did not start.
    if (device.split(":", 2)[0].equals(TORNADO) && !Devices.kinds().contains(TORNADO)) {
      throw new DeviceException(
          "device tornado: TornadoVM is not on the class path; bin/sae4j puts it there when the"
              + " command line says --device "
              + device);
    }
    return Devices.open(device, new DeviceOptions(optional(threads), optional(vectorBits)));
  }

  /** Threads among which the device divides its work; 0 if it does not run on the CPU. */
  public int parallelism() {
    String kind = device.split(":", 2)[0];
    return switch (kind) {
      case "scalar" -> 1;
      case TORNADO -> 0;
      default -> threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    };
  }

  private static OptionalInt optional(Integer value) {
    return value == null ? OptionalInt.empty() : OptionalInt.of(value);
  }
}
