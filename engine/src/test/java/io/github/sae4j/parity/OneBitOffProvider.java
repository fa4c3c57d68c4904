package io.github.sae4j.parity;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import io.github.sae4j.internal.scalar.ScalarDevice;
import java.util.List;

/** A device that claims exactness and is wrong in one bit once; for tests of {@code parity}. */
public final class OneBitOffProvider implements DeviceProvider {
  @Override
  public String kind() {
    return "one-bit-off";
  }

  @Override
  public int priority() {
    return -1;
  }

  /** Not listed as available: tests that take every device of the machine must not take it. */
  @Override
  public List<DeviceInfo> devices() {
    return List.of(new DeviceInfo(kind(), "wrong on purpose", false, "for tests only"));
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    return WrongDevice.inKernel(new ScalarDevice(), "rowNorms", 6);
  }
}
