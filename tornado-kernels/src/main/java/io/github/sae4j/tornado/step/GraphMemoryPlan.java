package io.github.sae4j.tornado.step;

import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.MemoryPlan.Part;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.runtime.Schedule;
import java.util.List;

/** What a training step takes on the device, and once more on the host. */
public final class GraphMemoryPlan {
  private GraphMemoryPlan() {}

  /**
   * The plan: TornadoVM's arrays have a host side each; that of the state is the state's own
   * memory.
   *
   * @param spec the step
   * @param schedule of the device
   * @return sizes by part
   */
  public static MemoryPlan of(GraphSpec spec, Schedule schedule) {
    long state = state(spec);
    long scratch = scratch(spec, schedule);
    return MemoryPlan.ofState(spec.step())
        .plus(
            List.of(
                new Part("on the device: weights, moments, counters", state, false),
                new Part("on the device: gradients, codes and batch", scratch, false),
                new Part("the host's side of the latter", scratch, false)));
  }

  private static long state(GraphSpec spec) {
    long n = spec.dSae();
    long d = spec.dIn();
    return 12 * (2 * n * d + n + d) + 8 * n;
  }

  private static long scratch(GraphSpec spec, Schedule schedule) {
    long n = spec.dSae();
    long d = spec.dIn();
    int rows = spec.rows();
    long micros = (rows + spec.microBatchRows() - 1) / spec.microBatchRows();
    long most = Math.max(spec.k(), Math.max(spec.multiK(), spec.auxK()));
    // x, error and g; then what the recipe adds.
    int batches =
        3
            + (spec.normalizes() ? 1 : 0)
            + (spec.step().forward().subtractBDec() ? 1 : 0)
            + (spec.multi() != null ? 1 : 0)
            + (spec.aux() != null ? 1 : 0);
    long gradients = 4 * (2 * n * d + n + d);
    long preActivations =
        4 * n * EncodeTasks.tileRows(rows, spec.dSae()) + 4 * EncodeTasks.maxima(rows, spec.dSae());
    // Indices and values of each term, then code gradients and transposed codes of one.
    long codes = 8 * rows * ((long) spec.k() + spec.multiK() + spec.auxK() + most);
    long byLatent = 4 * n * (TransposeTasks.groups(rows, schedule) + 8L);
    long byRow = 4L * rows * 12;
    long sums =
        d * micros * (4 + 8L * ColumnKernels.blocks(spec.microBatchRows()))
            + 4 * d * ColumnKernels.blocks(rows);
    // Constants, blocks of row scalars, and the header of every array.
    long small = 16384 + 16L * micros * ColumnKernels.blocks(spec.microBatchRows()) + n;
    return gradients
        + preActivations
        + 4 * d * rows * batches
        + codes
        + byLatent
        + byRow
        + sums
        + small;
  }

  /**
   * All of it on the device.
   *
   * @param spec the step
   * @param schedule of the device
   * @return bytes, at most
   */
  static long onDevice(GraphSpec spec, Schedule schedule) {
    return state(spec) + scratch(spec, schedule);
  }
}
