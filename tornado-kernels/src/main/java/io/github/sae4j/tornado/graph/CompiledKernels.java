package io.github.sae4j.tornado.graph;

import io.github.sae4j.tornado.runtime.Accelerator;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Consumer;

/**
 * The compiled kernels of an open device, by shape. Those not used for longest go when there are
 * too many, when they take too much memory, or when the device has none left for what comes next.
 *
 * <p>One thread at a time runs kernels; others wait for this object's monitor, which a training
 * step and a prepared encoder take as well.
 */
public final class CompiledKernels implements KernelRunner, AutoCloseable {
  private static final int MOST = 64;
  private static final long MOST_BYTES = 1L << 29;

  private final Accelerator accelerator;
  private final LinkedHashMap<List<Object>, CompiledKernel> kernels =
      new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /**
   * None yet.
   *
   * @param accelerator where they run
   */
  public CompiledKernels(Accelerator accelerator) {
    this.accelerator = accelerator;
  }

  /**
   * Where they run.
   *
   * @return the device
   */
  public Accelerator accelerator() {
    return accelerator;
  }

  @Override
  public synchronized void run(
      List<Object> key,
      Consumer<CompiledKernel> tasks,
      List<MemorySegment> arguments,
      List<MemorySegment> results) {
    checkOpen();
    if (results.getFirst().byteSize() == 0) {
      return;
    }
    CompiledKernel kernel = kernels.get(key);
    if (kernel == null) {
      kernel = compile(tasks);
      kernels.put(key, kernel);
    }
    kernel.run(arguments, results);
  }

  private CompiledKernel compile(Consumer<CompiledKernel> tasks) {
    CompiledKernel kernel = new CompiledKernel(accelerator);
    tasks.accept(kernel);
    // Before it is compiled, so that old and new never need memory at the same time.
    makeRoomFor(kernel.graph());
    kernel.compile();
    return kernel;
  }

  /**
   * Drops kernels until there is memory for a graph, or none is left.
   *
   * @param graph not compiled yet
   */
  public synchronized void makeRoomFor(KernelGraph graph) {
    long newcomer = graph.bytes();
    long bytes = newcomer + kernels.values().stream().mapToLong(CompiledKernel::bytes).sum();
    Iterator<CompiledKernel> oldest = kernels.values().iterator();
    while (oldest.hasNext()
        && (bytes > MOST_BYTES
            || kernels.size() >= MOST
            || newcomer > KernelPlan.available(accelerator))) {
      CompiledKernel kernel = oldest.next();
      bytes -= kernel.bytes();
      oldest.remove();
      kernel.close();
    }
  }

  /** Drops all; they are compiled again when they are asked for. */
  public synchronized void drop() {
    kernels.values().forEach(CompiledKernel::close);
    kernels.clear();
  }

  @Override
  public synchronized void checkOpen() {
    if (closed) {
      throw new IllegalStateException("device " + accelerator.name() + " is closed");
    }
  }

  /** Drops all for good; a second call does nothing. */
  @Override
  public synchronized void close() {
    closed = true;
    drop();
  }
}
