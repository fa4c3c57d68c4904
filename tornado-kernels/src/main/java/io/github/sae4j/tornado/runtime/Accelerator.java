package io.github.sae4j.tornado.runtime;

import io.github.sae4j.device.DeviceException;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoRuntime;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.exceptions.TornadoBailoutRuntimeException;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/**
 * A device that TornadoVM has found, and what of it limits us.
 *
 * @param name our name of it, for instance {@code tornado:0}
 * @param device TornadoVM's handle
 * @param backend what compiles its kernels
 * @param schedule how work is cut for it
 */
public record Accelerator(
    String name, TornadoDevice device, TornadoVMBackendType backend, Schedule schedule) {

  /**
   * All devices of all backends, in TornadoVM's order.
   *
   * @return at least one
   * @throws DeviceException if this JVM was not started for TornadoVM, or none is found
   */
  public static List<Accelerator> all() {
    StartUp.check();
    List<Accelerator> found = new ArrayList<>();
    try {
      TornadoRuntime runtime = TornadoRuntimeProvider.getTornadoRuntime();
      for (int i = 0; i < runtime.getNumBackends(); i++) {
        TornadoBackend backend = runtime.getBackend(i);
        for (int j = 0; j < backend.getNumDevices(); j++) {
          TornadoDevice device = backend.getDevice(j);
          boolean isCpu = device.getDeviceType() == TornadoDeviceType.CPU;
          found.add(
              new Accelerator(
                  "tornado:" + found.size(),
                  device,
                  runtime.getBackendType(i),
                  isCpu ? Schedule.APART : Schedule.SHARED));
        }
      }
    } catch (RuntimeException | LinkageError | InternalError e) {
      if (Failures.isCausedBy(e, TornadoBailoutRuntimeException.class)) {
        // Its way to say that a backend has no platform.
        throw noDevice(e);
      }
      throw new DeviceException(
          "device tornado: TornadoVM does not start: " + Failures.reason(e), e);
    }
    if (found.isEmpty()) {
      throw noDevice(null);
    }
    return found;
  }

  /**
   * The same device, with its work cut in another way.
   *
   * @param other how
   * @return a device for other kernels
   */
  public Accelerator with(Schedule other) {
    return new Accelerator(name, device, backend, other);
  }

  private static DeviceException noDevice(Throwable cause) {
    return new DeviceException(
        "device tornado: TornadoVM finds no device; install a driver for its backend, or PoCL"
            + " (Debian: pocl-opencl-icd) to run OpenCL on the CPU",
        cause);
  }

  /**
   * What it is.
   *
   * @return one line with backend, name and memory
   */
  public String description() {
    return "TornadoVM "
        + backend
        + ", "
        + device.getPhysicalDevice().getDeviceName().strip()
        + ", "
        + (device.getMaxGlobalMemory() >> 20)
        + " MiB, of which "
        + (memoryLimit() >> 20)
        + " MiB may be used";
  }

  /**
   * Whether it is a GPU; PoCL, for one, is the CPU.
   *
   * @return true if it says so
   */
  public boolean isGpu() {
    return device.getDeviceType() == TornadoDeviceType.GPU;
  }

  /**
   * Memory that TornadoVM hands out: {@code -Dtornado.device.memory}, 4 GB if it is not set, and
   * never more than the device has.
   *
   * @return bytes
   */
  public long memoryLimit() {
    return Math.min(StartUp.memoryLimit(), device.getMaxGlobalMemory());
  }

  /**
   * The largest single array.
   *
   * @return bytes
   */
  public long largestArray() {
    return device.getMaxAllocMemory();
  }
}
