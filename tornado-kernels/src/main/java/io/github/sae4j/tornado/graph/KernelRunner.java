package io.github.sae4j.tornado.graph;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/** Runs single kernels on a device. */
public interface KernelRunner {
  /**
   * Runs one kernel, compiled for its shape if that is new.
   *
   * @param key the kernel's name and all that is compiled into it
   * @param tasks declares its arrays and tasks
   * @param arguments in the order in which arguments were declared
   * @param results in the order in which results were declared; nothing runs if the first is empty
   * @throws IllegalStateException if the device is closed
   */
  void run(
      List<Object> key,
      Consumer<CompiledKernel> tasks,
      List<MemorySegment> arguments,
      List<MemorySegment> results);

  /**
   * Refuses to work on a closed device.
   *
   * @throws IllegalStateException if it is closed
   */
  void checkOpen();
}
