package io.github.sae4j.tornado.graph;

import io.github.sae4j.device.DeviceException;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.Failures;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
 *
 * <p>One thread at a time is in TornadoVM, whatever the device: its flag that says a device was
 * reset is one for all plans, see {@link #run()}.
 */
public final class KernelPlan implements AutoCloseable {
  /** What the kernels rely on: no contraction, no relaxed maths, IEEE division and square root. */
  private static final String OPENCL_FLAGS = "-w -cl-fp32-correctly-rounded-divide-sqrt";

  /** The same for NVIDIA's runtime compiler, which contracts unless told not to. */
  private static final String CUDA_FLAGS =
      "--fmad=false --prec-div=true --prec-sqrt=true --ftz=false";

  private static final Object TORNADO = new Object();

  private static volatile String failure;

  /** Device memory of the open plans, by device, in bytes. */
  private static final Map<String, Long> IN_USE = new ConcurrentHashMap<>();

  private final Accelerator accelerator;
  private final TornadoExecutionPlan plan;
  private final long bytes;
  private TornadoExecutionResult last;
  private boolean closed;

  private KernelPlan(Accelerator accelerator, TornadoExecutionPlan plan, long bytes) {
    this.accelerator = accelerator;
    this.plan = plan;
    this.bytes = bytes;
  }

  /**
   * Device memory that a new plan could have.
   *
   * @param accelerator the device
   * @return bytes
   */
  public static long available(Accelerator accelerator) {
    return accelerator.memoryLimit() - IN_USE.getOrDefault(accelerator.name(), 0L);
  }

  /**
   * Compiles a graph.
   *
   * @param accelerator where it runs
   * @param graph the graph
   * @param grids the grids of its tasks
   * @param bytes device memory that its arrays take
   * @return what runs it
   * @throws DeviceException if there is not enough memory, or a kernel does not compile
   */
  public static KernelPlan compile(
      Accelerator accelerator, ImmutableTaskGraph graph, GridScheduler grids, long bytes) {
    checkTrusted(accelerator);
    if (bytes > available(accelerator)) {
      throw outOfMemory(
          accelerator,
          (bytes >> 20) + " MiB needed, " + (available(accelerator) >> 20) + " MiB left",
          null);
    }
    synchronized (TORNADO) {
      try {
        @SuppressWarnings("resource") // Closed by the plan that this method returns.
        TornadoExecutionPlan plan =
            new TornadoExecutionPlan(graph)
                .withDevice(accelerator.device())
                .withGridScheduler(grids)
                .withCompilerFlags(
                    accelerator.backend(),
                    accelerator.backend() == TornadoVMBackendType.CUDA ? CUDA_FLAGS : OPENCL_FLAGS)
                .withPreCompilation();
        IN_USE.merge(accelerator.name(), bytes, Long::sum);
        return new KernelPlan(accelerator, plan, bytes);
      } catch (RuntimeException | Error e) {
        throw failed(accelerator, e);
      }
    }
  }

  /**
   * Runs the graph once and waits for it.
   *
   * @throws DeviceException if it fails; then nothing more runs in this process, unless it ran out
   *     of memory
   */
  public void run() {
    checkOpen();
    checkTrusted(accelerator);
    synchronized (TORNADO) {
      try {
        // Closing any plan marks the whole device as reset, and then every other plan refuses to
        // run (TornadoVM 5.2.0), although what is kept for it is kept by plan and still there.
        accelerator.device().getDeviceContext().setResetToFalse();
        last = plan.execute();
      } catch (RuntimeException | Error e) {
        throw failed(accelerator, e);
      }
    }
  }

  /**
   * Fetches arrays that stay on the device.
   *
   * @param arrays declared as fetched on demand
   */
  public void fetch(Object... arrays) {
    checkOpen();
    if (last == null) {
      return;
    }
    synchronized (TORNADO) {
      try {
        last.transferToHost(arrays);
      } catch (RuntimeException | Error e) {
        throw failed(accelerator, e);
      }
    }
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
    IN_USE.merge(accelerator.name(), -bytes, Long::sum);
    synchronized (TORNADO) {
      try {
        plan.freeDeviceMemory();
        plan.close();
      } catch (TornadoExecutionPlanException e) {
        throw failed(accelerator, e);
      }
    }
  }

  /**
   * Refuses to go on after a failure.
   *
   * @param accelerator for the message
   */
  public static void checkTrusted(Accelerator accelerator) {
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
    if (Failures.isCausedBy(thrown, TornadoOutOfMemoryException.class)) {
      return outOfMemory(accelerator, Failures.reason(thrown), thrown);
    }
    if (Failures.isCausedBy(thrown, TornadoDeviceFP64NotSupported.class)) {
      return new DeviceException("device " + accelerator.name() + ": has no doubles", thrown);
    }
    failure = Failures.reason(thrown);
    return new DeviceException(
        "device "
            + accelerator.name()
            + ": a kernel failed: "
            + failure
            + "; TornadoVM is not trusted any more in this process",
        thrown);
  }

  private static DeviceException outOfMemory(
      Accelerator accelerator, String details, Throwable thrown) {
    return new DeviceException(
        "device "
            + accelerator.name()
            + ": out of memory: "
            + details
            + "; take smaller batches, or raise -Dtornado.device.memory (SAE4J_DEVICE_MEMORY for"
            + " bin/sae4j) if it is set",
        thrown);
  }
}
