package io.github.sae4j.device;

import java.util.List;

/** A kind of device, found by {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
  /**
   * The kind's name, the part of a device name before the colon.
   *
   * @return for instance {@code cpu}
   */
  String kind();

  /**
   * Preference of the automatic choice; the highest available wins.
   *
   * @return 0 for the oracle, 100 for the CPU device; negative for never chosen automatically but
   *     as a {@linkplain #challengers() challenger}
   */
  int priority();

  /**
   * The devices of this kind on this machine. Never throws: a kind that cannot run says why.
   *
   * @return at least one entry
   */
  List<DeviceInfo> devices();

  /**
   * Devices of this kind that {@code auto} takes all the same, if they prove exact and a small
   * training step takes less time on them than on the device of highest priority. They are opened
   * and timed for that, so only devices that are likely to win should be named. Never throws.
   *
   * @return none, unless a kind says otherwise
   */
  default List<DeviceInfo> challengers() {
    return List.of();
  }

  /**
   * Opens a device.
   *
   * @param index its number in {@link #devices()}
   * @param options the device's options
   * @return an open device
   * @throws DeviceException if it cannot run; the message is one line
   */
  Device open(int index, DeviceOptions options);
}
