package io.github.sae4j.internal.vector;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceException;
import io.github.sae4j.device.DeviceInfo;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.DeviceProvider;
import io.github.sae4j.internal.vector.runtime.SlowVectors;
import io.github.sae4j.internal.vector.runtime.Width;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicBoolean;
import jdk.incubator.vector.FloatVector;

/**
 * Offers the Vector API device. It loads no vector class until the incubator module is known to be
 * readable, so a VM started without it gets a reason rather than a {@code NoClassDefFoundError}.
 */
public final class VectorProvider implements DeviceProvider {
  private static final System.Logger LOG = System.getLogger("io.github.sae4j.device");
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private static final String MISSING =
      "the Java vector incubator module is not readable: pass '--add-modules"
          + " jdk.incubator.vector' to java for SIMD kernels";
  private static final String SLOW = "its vector kernels are very slow here";

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
    String problem = Width.moduleReadable() ? Loaded.problem(Width.wished()) : MISSING;
    if (problem != null) {
      return List.of(new DeviceInfo("cpu", "Vector API", false, problem));
    }
    String slow = SlowVectors.reason();
    return List.of(
        new DeviceInfo("cpu", Loaded.description(), true, slow == null ? "" : SLOW + ": " + slow));
  }

  @Override
  public Device open(int index, DeviceOptions options) {
    if (index != 0) {
      throw new DeviceException("device cpu:" + index + ": there is only cpu:0");
    }
    if (!Width.moduleReadable()) {
      throw new DeviceException("device cpu: " + MISSING);
    }
    OptionalInt wish = options.vectorBits().isPresent() ? options.vectorBits() : Width.wished();
    String problem = Loaded.problem(wish);
    if (problem == null) {
      problem = Width.fix(options.vectorBits());
    }
    if (problem != null) {
      throw new DeviceException("device cpu: " + problem);
    }
    String slow = SlowVectors.reason();
    if (slow != null && WARNED.compareAndSet(false, true)) {
      LOG.log(System.Logger.Level.WARNING, "device cpu: {0}: {1}", SLOW, slow);
    }
    int threads = options.threads().orElse(Runtime.getRuntime().availableProcessors());
    WarmUp.begin(threads);
    return new VectorDevice(threads);
  }

  /**
   * Holds whatever needs vector classes, so that they are loaded only on purpose. It loads no
   * kernel: that would fix the width before {@link #open} knows the requested one.
   */
  private static final class Loaded {
    static String problem(OptionalInt wish) {
      return Width.problem(wish.orElse(Math.min(preferred(), 512)), preferred());
    }

    static String description() {
      return "Vector API, up to " + preferred() + " bits";
    }

    private static int preferred() {
      return FloatVector.SPECIES_PREFERRED.vectorBitSize();
    }
  }
}
