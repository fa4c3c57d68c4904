package io.github.sae4j.tornado;

import io.github.sae4j.device.DeviceException;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.TornadoExecutionResult;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.exceptions.TornadoDeviceFP64NotSupported;
import uk.ac.manchester.tornado.api.exceptions.TornadoExecutionPlanException;
import uk.ac.manchester.tornado.api.exceptions.TornadoOutOfMemoryException;

/**
 * A compiled task graph. After a kernel has failed nothing more runs in this process: with
 * TornadoVM 5.2.0 a later call may crash the driver.
 */
final class KernelPlan implements AutoCloseable {
  /** What the kernels rely on: no contraction, no relaxed maths, IEEE division and square root. */
  private static final String OPENCL_FLAGS = "-w -cl-fp32-correctly-rounded-divide-sqrt";

  private static volatile String failure;

  private final Accelerator accelerator;
  private final TornadoExecutionPlan plan;
  private TornadoExecutionResult last;
  private boolean closed;

  private KernelPlan(Accelerator accelerator, TornadoExecutionPlan plan) {
    this.accelerator = accelerator;
    this.plan = plan;
  }

  static KernelPlan compile(
      Accelerator accelerator, ImmutableTaskGraph graph, GridScheduler grids) {
    checkTrusted(accelerator);
    try {
      @SuppressWarnings("resource") // Closed by the plan that this method returns.
      TornadoExecutionPlan plan =
          new TornadoExecutionPlan(graph)
              .withDevice(accelerator.device())
              .withGridScheduler(grids)
              .withCompilerFlags(TornadoVMBackendType.OPENCL, OPENCL_FLAGS);
      return new KernelPlan(accelerator, plan.withPreCompilation());
    } catch (RuntimeException | Error e) {
      throw failed(accelerator, e);
    }
  }

  /**
   * Runs the graph once and waits for it.
   *
   * @throws DeviceException if it fails; then nothing more runs in this process, unless it was
   *     memory that lacked
   */
  void run() {
    checkOpen();
    checkTrusted(accelerator);
    try {
      // Closing any plan marks the whole device as reset, and then every other plan refuses to run
      // (TornadoVM 5.2.0), although what is kept for it is kept by plan and still there.
      accelerator.device().getDeviceContext().setResetToFalse();
      last = plan.execute();
    } catch (RuntimeException | Error e) {
      throw failed(accelerator, e);
    }
  }

  /**
   * Fetches arrays that stay on the device.
   *
   * @param arrays declared as fetched on demand
   */
  void fetch(Object... arrays) {
    checkOpen();
    if (last == null) {
      return;
    }
    try {
      last.transferToHost(arrays);
    } catch (RuntimeException | Error e) {
      throw failed(accelerator, e);
    }
  }

  /** Gives the device's memory back; the next run takes it again and sends everything anew. */
  void releaseMemory() {
    checkOpen();
    plan.freeDeviceMemory();
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("a kernel of device " + accelerator.name() + " is closed");
    }
  }

  /** Frees the device's memory; a second call does nothing. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      plan.freeDeviceMemory();
      plan.close();
    } catch (TornadoExecutionPlanException e) {
      throw failed(accelerator, e);
    }
  }

  /**
   * Refuses to go on after a failure.
   *
   * @param accelerator for the message
   */
  static void checkTrusted(Accelerator accelerator) {
    if (failure != null) {
      throw new DeviceException(
          "device "
              + accelerator.name()
              + ": an earlier kernel failed ("
              + failure
              + "), so TornadoVM is not trusted any more in this process; start a new one");
    }
  }

  private static DeviceException failed(Accelerator accelerator, Throwable thrown) {
    if (isCausedBy(thrown, TornadoOutOfMemoryException.class)) {
      return new DeviceException(
          "device "
              + accelerator.name()
              + ": out of memory; raise -Dtornado.device.memory (SAE4J_DEVICE_MEMORY for"
              + " bin/sae4j) up to what the device has, or take smaller batches",
          thrown);
    }
    if (isCausedBy(thrown, TornadoDeviceFP64NotSupported.class)) {
      return new DeviceException("device " + accelerator.name() + ": has no doubles", thrown);
    }
    failure = reason(thrown);
    return new DeviceException(
        "device "
            + accelerator.name()
            + ": a kernel failed: "
            + failure
            + "; TornadoVM is not trusted any more in this process",
        thrown);
  }

  /**
   * Whether something was thrown because of a certain kind of exception.
   *
   * @param thrown what was thrown
   * @param kind the kind
   * @return true if it or a cause of it is of that kind
   */
  static boolean isCausedBy(Throwable thrown, Class<? extends Throwable> kind) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (kind.isInstance(t)) {
        return true;
      }
    }
    return false;
  }

  /**
   * What went wrong, in one line without colours.
   *
   * @param thrown what was thrown
   * @return its class and message
   */
  static String reason(Throwable thrown) {
    Throwable root = thrown;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    String message = root.getMessage() == null ? "" : ": " + root.getMessage();
    return (root.getClass().getSimpleName() + message)
        .replaceAll("\u001B\\[[0-9;]*m", "")
        .replaceAll("\\s+", " ")
        .strip();
  }
}
