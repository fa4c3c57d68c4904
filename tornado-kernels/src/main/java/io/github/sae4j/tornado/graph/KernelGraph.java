package io.github.sae4j.tornado.graph;

import io.github.sae4j.device.DeviceException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.Strips;
import io.github.sae4j.tornado.runtime.Accelerator;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid1D;
import uk.ac.manchester.tornado.api.WorkerGrid2D;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A task graph under construction: arrays with their bounds checked, kernels with their grids.
 * Names of graphs are unique in the process, those of tasks in their graph, as TornadoVM asks.
 *
 * <p>Four rules for kernels, because of TornadoVM 5.2.0:
 *
 * <ul>
 *   <li>A local array is known as such only in the method that allocates it; handed to a helper, it
 *       is indexed as if it were a Java array, beyond its end. So no helper takes an array.
 *   <li>OpenCL declares local arrays at the outermost scope of a kernel, so they are allocated
 *       there, and a helper that allocates one is called there.
 *   <li>The buffer of an array that one kernel writes and none both reads and writes is made for
 *       writing only, although other kernels read it, which OpenCL leaves undefined. TornadoVM
 *       takes a kernel's array for read as well where it is set at the very beginning of a branch,
 *       before any other branch joins; so results are set in an {@code if} of their own.
 *   <li>A variable does not get its value by one loop in a branch and by another loop in the other
 *       branch: what the first one leaves is overwritten where the branches join. Loops that are
 *       left out have no turns instead.
 * </ul>
 */
public final class KernelGraph {
  /** Work-items of a group of a kernel without barriers. */
  public static final int LINE = 64;

  /** A little less than 2^31: a grid that is rounded up to whole groups must not overflow. */
  private static final int MOST_ELEMENTS = Integer.MAX_VALUE - 1024;

  private static final AtomicLong GRAPHS = new AtomicLong();

  private final Accelerator accelerator;
  private final String name = "sae4j" + GRAPHS.incrementAndGet();
  private final TaskGraph tasks = new TaskGraph(name);
  private final KernelContext context = new KernelContext();
  private final GridScheduler grids = new GridScheduler();
  private final List<TornadoNativeArray> arrays = new ArrayList<>();
  private final List<Launch> launches = new ArrayList<>();

  /**
   * How a task starts.
   *
   * @param kernel name of its kernel
   * @param groupsX groups along x
   * @param groupsY groups along y
   * @param sizeX work-items of a group along x
   * @param sizeY work-items of a group along y
   */
  public record Launch(String kernel, int groupsX, int groupsY, int sizeX, int sizeY) {}

  public KernelGraph(Accelerator accelerator) {
    this.accelerator = accelerator;
  }

  /**
   * Where it will run.
   *
   * @return the device
   */
  public Accelerator accelerator() {
    return accelerator;
  }

  /**
   * Where tasks are added.
   *
   * @return TornadoVM's graph
   */
  public TaskGraph tasks() {
    return tasks;
  }

  /**
   * The first argument of every kernel.
   *
   * @return one object for all
   */
  public KernelContext context() {
    return context;
  }

  /**
   * A float array of this graph.
   *
   * @param what what it holds, for the message
   * @param elements number of elements
   * @return zeros
   * @throws DeviceException if it is beyond what TornadoVM or the device can hold
   */
  public FloatArray floats(String what, long elements) {
    return allocated(what, checked(what, elements, Float.BYTES), FloatArray::new);
  }

  /**
   * A float array on a matrix's own memory, so that what is fetched appears in the matrix. A matrix
   * that is a view of a larger one has no room for TornadoVM's header and gets an array of its own.
   *
   * @param what what it holds, for the message
   * @param matrix the matrix
   * @return an array of the matrix's size
   * @throws DeviceException if it is beyond what TornadoVM or the device can hold
   */
  public FloatArray floatsOn(String what, Matrix matrix) {
    checked(what, matrix.size(), Float.BYTES);
    return matrix
        .segmentWithHeader((int) TornadoNativeArray.ARRAY_HEADER)
        .map(memory -> added(FloatArray.fromSegmentShallow(memory)))
        .orElseGet(() -> floats(what, matrix.size()));
  }

  /**
   * An int array of this graph.
   *
   * @param what what it holds, for the message
   * @param elements number of elements
   * @return zeros
   * @throws DeviceException if it is beyond what TornadoVM or the device can hold
   */
  public IntArray ints(String what, long elements) {
    return allocated(what, checked(what, elements, Integer.BYTES), IntArray::new);
  }

  /**
   * A double array of this graph.
   *
   * @param what what it holds, for the message
   * @param elements number of elements
   * @return zeros
   * @throws DeviceException if it is beyond what TornadoVM or the device can hold
   */
  public DoubleArray doubles(String what, long elements) {
    return allocated(what, checked(what, elements, Double.BYTES), DoubleArray::new);
  }

  /**
   * A long array of this graph.
   *
   * @param what what it holds, for the message
   * @param elements number of elements
   * @return zeros
   * @throws DeviceException if it is beyond what TornadoVM or the device can hold
   */
  public LongArray longs(String what, long elements) {
    return allocated(what, checked(what, elements, Long.BYTES), LongArray::new);
  }

  /**
   * An array made elsewhere.
   *
   * @param array the array
   * @param <T> its type
   * @return the same
   */
  public <T extends TornadoNativeArray> T added(T array) {
    arrays.add(array);
    return array;
  }

  private <T extends TornadoNativeArray> T allocated(
      String what, int elements, IntFunction<T> constructor) {
    try {
      return added(constructor.apply(elements));
    } catch (OutOfMemoryError e) {
      // The host's side lies in memory that the JVM limits to the size of the heap by default.
      throw new DeviceException(
          "device "
              + accelerator.name()
              + ": the host lacks memory for "
              + what
              + " ("
              + e.getMessage()
              + "); raise -XX:MaxDirectMemorySize",
          e);
    }
  }

  private int checked(String what, long elements, int bytes) {
    if (elements > MOST_ELEMENTS) {
      throw new DeviceException(
          "device "
              + accelerator.name()
              + ": "
              + what
              + " has "
              + elements
              + " elements; an array of TornadoVM holds less than 2^31, use --device cpu");
    }
    // TornadoVM refuses a buffer that is as large as the device's limit.
    if (elements * bytes + TornadoNativeArray.ARRAY_HEADER >= accelerator.largestArray()) {
      throw new DeviceException(
          "device "
              + accelerator.name()
              + ": "
              + what
              + " needs "
              + elements * bytes
              + " bytes; an array of this device and its header take less than "
              + accelerator.largestArray());
    }
    return (int) Math.max(1, elements);
  }

  /**
   * Memory of all arrays of this graph.
   *
   * @return bytes
   */
  public long bytes() {
    return arrays.stream().mapToLong(TornadoNativeArray::getNumBytesOfSegmentWithHeader).sum();
  }

  /**
   * Names a task of independent work-items.
   *
   * @param kernel name of the kernel
   * @param items at least so many work-items
   * @return the task's id
   */
  public String line(String kernel, long items) {
    return groups(kernel, (items + LINE - 1) / LINE, LINE);
  }

  /**
   * Names a task of work-groups.
   *
   * @param kernel name of the kernel
   * @param groups number of groups
   * @param size work-items of a group
   * @return the task's id
   */
  public String groups(String kernel, long groups, int size) {
    long items = Math.max(1, groups) * size;
    checkItems(kernel, items);
    WorkerGrid grid = new WorkerGrid1D((int) items);
    grid.setLocalWork(size, 1, 1);
    return task(grid, new Launch(kernel, (int) (items / size), 1, size, 1));
  }

  private void checkItems(String kernel, long items) {
    if (items > Integer.MAX_VALUE) {
      throw new DeviceException(
          "device "
              + accelerator.name()
              + ": "
              + kernel
              + " would need "
              + items
              + " work-items, TornadoVM starts less than 2^31; use --device cpu");
    }
  }

  /**
   * Names a task of a kernel whose groups take one row of lanes per row.
   *
   * @param kernel name of the kernel
   * @param rows number of rows
   * @return the task's id
   */
  public String rows(String kernel, long rows) {
    int perGroup = RowKernels.ROWS_PER_GROUP;
    return groups(kernel, (rows + perGroup - 1) / perGroup, RowKernels.GROUP);
  }

  /**
   * Names a task of a kernel by {@link Strips}.
   *
   * @param kernel name of the kernel
   * @param rows rows of the result
   * @param d columns of the result
   * @return the task's id
   */
  public String strips(String kernel, int rows, int d) {
    int down = Math.max(1, (rows + Strips.ROWS - 1) / Strips.ROWS);
    int across = Strips.across(d);
    return tiles(kernel, down, across, Strips.GROUP, 1);
  }

  /**
   * Names a task of groups in two dimensions.
   *
   * @param kernel name of the kernel
   * @param across groups along x
   * @param down groups along y
   * @param sizeX work-items of a group along x
   * @param sizeY work-items of a group along y
   * @return the task's id
   */
  public String tiles(String kernel, int across, int down, int sizeX, int sizeY) {
    checkItems(kernel, (long) across * sizeX * down * sizeY);
    WorkerGrid grid = new WorkerGrid2D(across * sizeX, down * sizeY);
    grid.setLocalWork(sizeX, sizeY, 1);
    return task(grid, new Launch(kernel, across, down, sizeX, sizeY));
  }

  private String task(WorkerGrid grid, Launch launch) {
    String id = launch.kernel() + launches.size();
    launches.add(launch);
    grids.addWorkerGrid(name + "." + id, grid);
    return id;
  }

  /**
   * How the tasks start, in their order.
   *
   * @return one of each task so far
   */
  public List<Launch> launches() {
    return List.copyOf(launches);
  }

  /**
   * Sends arrays to the device.
   *
   * @param mode once or before every run
   * @param sent the arrays
   */
  public void send(int mode, List<? extends TornadoNativeArray> sent) {
    tasks.transferToDevice(mode, sent.toArray());
  }

  /**
   * Fetches arrays from the device.
   *
   * @param mode after every run or when asked
   * @param fetched the arrays
   */
  public void fetch(int mode, List<? extends TornadoNativeArray> fetched) {
    tasks.transferToHost(mode, fetched.toArray());
  }

  /**
   * Compiles the graph; nothing may be added any more.
   *
   * @return what runs it
   * @throws DeviceException if the device has too little memory, or a kernel does not compile
   */
  public KernelPlan compile() {
    return KernelPlan.compile(accelerator, tasks.snapshot(), grids, bytes());
  }

  /** Modes of transfer, under names that say what they mean here. */
  public static final int EVERY_RUN = DataTransferMode.EVERY_EXECUTION;

  /** Once, before the first run; the array stays on the device between runs. */
  public static final int RESIDENT = DataTransferMode.FIRST_EXECUTION;

  /** When asked. */
  public static final int ON_DEMAND = DataTransferMode.UNDER_DEMAND;
}
