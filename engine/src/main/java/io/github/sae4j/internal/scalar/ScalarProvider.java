package io.github.sae4j.internal.scalar;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import java.util.List;

/** Offers the oracle, which can always run. */
public final class ScalarProvider implements DeviceProvider {
  /** For the service loader. */
  public ScalarProvider() {}

  @Override
  public String kind() {
    return "scalar";
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public List<DeviceInfo> devices() {
    return List.of(new DeviceInfo("scalar", "plain loops on one thread, the oracle", true, ""));
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    if (index != 0) {
      throw new DeviceException("device scalar:" + index + ": there is only scalar:0");
    }
    if (options.vectorBits().isPresent()) {
      throw new DeviceException("device scalar has no vectors: --vector-bits does not apply");
    }
    return new ScalarDevice();
  }
}
