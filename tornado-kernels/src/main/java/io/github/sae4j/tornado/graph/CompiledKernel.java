package io.github.sae4j.tornado.graph;

import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.runtime.Accelerator;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * One operation of the {@code Kernels} interface at one shape, compiled once and run many times. It
 * owns its arrays: a run copies the arguments in, sends them, runs, and copies the results out.
 */
public final class CompiledKernel implements AutoCloseable {
  private final KernelGraph graph;
  private final List<TornadoNativeArray> sent = new ArrayList<>();
  private final List<TornadoNativeArray> kept = new ArrayList<>();
  private final List<TornadoNativeArray> fetched = new ArrayList<>();
  private KernelPlan plan;

  public CompiledKernel(Accelerator accelerator) {
    graph = new KernelGraph(accelerator);
  }

  public KernelGraph graph() {
    return graph;
  }

  public TaskGraph tasks() {
    return graph.tasks();
  }

  public KernelContext context() {
    return graph.context();
  }

  /** An argument that is read. */
  public FloatArray input(String what, long elements) {
    FloatArray array = graph.floats(what, elements);
    sent.add(array);
    return array;
  }

  /** An argument of indices that is read. */
  public IntArray inputIndices(String what, long elements) {
    IntArray array = graph.ints(what, elements);
    sent.add(array);
    return array;
  }

  /** A result; kernels write every element. */
  public FloatArray output(String what, long elements) {
    FloatArray array = graph.floats(what, elements);
    fetched.add(array);
    return array;
  }

  /** A result of indices; kernels write every element. */
  public IntArray outputIndices(String what, long elements) {
    IntArray array = graph.ints(what, elements);
    fetched.add(array);
    return array;
  }

  /** A result in double; kernels write every element. */
  public DoubleArray outputDoubles(String what, long elements) {
    DoubleArray array = graph.doubles(what, elements);
    fetched.add(array);
    return array;
  }

  /** An argument that is updated. */
  public FloatArray updated(String what, long elements) {
    FloatArray array = input(what, elements);
    fetched.add(array);
    return array;
  }

  /** What only kernels see. */
  public FloatArray scratch(String what, long elements) {
    FloatArray array = graph.floats(what, elements);
    kept.add(array);
    return array;
  }

  /** Integers that only kernels see. */
  public IntArray scratchInts(String what, long elements) {
    IntArray array = graph.ints(what, elements);
    kept.add(array);
    return array;
  }

  /** Doubles that only kernels see. */
  public DoubleArray scratchDoubles(String what, long elements) {
    DoubleArray array = graph.doubles(what, elements);
    kept.add(array);
    return array;
  }

  /** Steering integers, the same in every run. */
  public IntArray control(int rows, int latents, int k) {
    IntArray control = graph.added(StepControl.of(rows, latents, k));
    kept.add(control);
    return control;
  }

  /**
   * Steering integers that each run gets as an argument.
   *
   * @return slots of {@link StepControl#values}
   */
  public IntArray steering() {
    IntArray control = graph.added(StepControl.of(0, 0, 0));
    sent.add(control);
    return control;
  }

  /** Before the first task: what is sent. */
  public void send() {
    graph.send(KernelGraph.EVERY_RUN, sent);
    // Sent once although only kernels use it: what is not sent is not freed when the plan closes.
    graph.send(KernelGraph.RESIDENT, kept);
  }

  /** After the last task. */
  public void compile() {
    graph.fetch(KernelGraph.EVERY_RUN, fetched);
    plan = graph.compile();
  }

  /**
   * An argument of one element.
   *
   * @param value the element
   * @return memory that holds it
   */
  public static MemorySegment scalar(float value) {
    return MemorySegment.ofArray(new float[] {value});
  }

  /**
   * Runs.
   *
   * @param arguments in the order in which arguments were declared
   * @param results in the order in which results were declared
   */
  public void run(List<MemorySegment> arguments, List<MemorySegment> results) {
    for (int i = 0; i < arguments.size(); i++) {
      MemorySegment from = arguments.get(i);
      MemorySegment.copy(from, 0, sent.get(i).getSegment(), 0, from.byteSize());
    }
    plan.run();
    for (int i = 0; i < results.size(); i++) {
      MemorySegment to = results.get(i);
      MemorySegment.copy(fetched.get(i).getSegment(), 0, to, 0, to.byteSize());
    }
  }

  /**
   * Device memory of its arrays.
   *
   * @return bytes
   */
  public long bytes() {
    return graph.bytes();
  }

  @Override
  public void close() {
    if (plan != null) {
      plan.close();
    }
  }
}
