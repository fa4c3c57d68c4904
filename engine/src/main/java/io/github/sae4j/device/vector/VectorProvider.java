package io.github.sae4j.device.vector;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import java.util.List;

/**
 * Offers the Vector API device. It touches no vector class until the incubator module is known to
 * be readable, so a VM started without it gets a reason and not a {@code NoClassDefFoundError}.
 */
public final class VectorProvider implements DeviceProvider {
  private static final String MISSING =
      "the Java vector incubator module is not readable: pass '--add-modules"
          + " jdk.incubator.vector' to java for SIMD kernels";

  /** For the service loader. */
  public VectorProvider() {}

  @Override
  public String kind() {
    return "cpu";
  }

  @Override
  public int priority() {
    return 100;
  }

  @Override
  public List<DeviceInfo> devices() {
    String problem = Width.moduleReadable() ? Loaded.problem() : MISSING;
    return List.of(
        problem == null
            ? new DeviceInfo("cpu", Loaded.description(), true, "")
            : new DeviceInfo("cpu", "Vector API", false, problem));
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    if (index != 0) {
      throw new DeviceException("device cpu:" + index + ": there is only cpu:0");
    }
    if (!Width.moduleReadable()) {
      throw new DeviceException("device cpu: " + MISSING);
    }
    String problem = Width.fix(options.vectorBits());
    if (problem == null) {
      problem = Loaded.problem();
    }
    if (problem != null) {
      throw new DeviceException("device cpu: " + problem);
    }
    return new VectorDevice(options.threads().orElse(Runtime.getRuntime().availableProcessors()));
  }

  /** Whatever needs vector classes, behind a class of its own so that loading it is a decision. */
  private static final class Loaded {
    static String problem() {
      try {
        VectorDevice.vectorBits();
        return null;
      } catch (ExceptionInInitializerError e) {
        return e.getCause().getMessage();
      } catch (NoClassDefFoundError e) {
        return "the vector kernels failed to load before: " + e.getMessage();
      }
    }

    static String description() {
      return "Vector API, up to "
          + jdk.incubator.vector.FloatVector.SPECIES_PREFERRED.vectorBitSize()
          + " bits";
    }
  }
}
