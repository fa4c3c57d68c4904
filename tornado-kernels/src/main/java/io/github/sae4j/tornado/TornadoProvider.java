package io.github.sae4j.tornado;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.StartUp;
import java.util.List;

/**
 * Offers every device that TornadoVM finds, under the names {@code tornado:0}, {@code tornado:1}
 * and so on. {@code auto} takes one that is a GPU, in a JVM that was started for TornadoVM, if it
 * is exact and faster than the CPU; never the CPU itself, which TornadoVM offers too, and on which
 * the engine's own kernels are many times faster.
 */
public final class TornadoProvider implements DeviceProvider {
  /** For the service loader. */
  public TornadoProvider() {}

  @Override
  public String kind() {
    return "tornado";
  }

  @Override
  public int priority() {
    return -1;
  }

  @Override
  public List<DeviceInfo> devices() {
    try {
      // Here too, before any class of TornadoVM is loaded: it may not be there.
      StartUp.check();
      return Accelerator.all().stream().map(TornadoProvider::describe).toList();
    } catch (DeviceException e) {
      return List.of(new DeviceInfo("tornado:0", "TornadoVM", false, e.getMessage()));
    }
  }

  @Override
  public List<DeviceInfo> challengers() {
    try {
      StartUp.check();
      return Accelerator.all().stream()
          .filter(Accelerator::isGpu)
          .map(found -> new DeviceInfo(found.name(), found.description(), true, ""))
          .toList();
    } catch (DeviceException e) {
      return List.of();
    }
  }

  /** A device is listed with what its probe says, since that is what it promises. */
  private static DeviceInfo describe(Accelerator accelerator) {
    try (Device device = new TornadoDevice(accelerator)) {
      return new DeviceInfo(accelerator.name(), device.description(), true, "");
    } catch (DeviceException e) {
      return new DeviceInfo(accelerator.name(), accelerator.description(), false, e.getMessage());
    }
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    if (options.vectorBits().isPresent()) {
      throw new DeviceException("device tornado has no vectors: --vector-bits does not apply");
    }
    StartUp.check();
    List<Accelerator> found = Accelerator.all();
    if (index < 0 || index >= found.size()) {
      throw new DeviceException(
          "device tornado:"
              + index
              + ": there are only tornado:0 to tornado:"
              + (found.size() - 1));
    }
    return new TornadoDevice(found.get(index));
  }
}
