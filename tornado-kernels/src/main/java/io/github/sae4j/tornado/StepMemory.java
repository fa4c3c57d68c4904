package io.github.sae4j.tornado;

import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.step.MemoryPlan;
import io.github.sae4j.step.MemoryPlan.Part;
import io.github.sae4j.step.StepSpec;
import java.util.List;

/** What a training step takes on the device, and once more on the host. */
final class StepMemory {
  private StepMemory() {}

  /**
   * The plan: TornadoVM's arrays have a host side each; that of the state is the state's own
   * memory.
   *
   * @param spec the step
   * @return sizes by part
   */
  static MemoryPlan of(StepSpec spec) {
    long state = state(spec);
    long scratch = scratch(spec);
    return MemoryPlan.ofState(spec)
        .plus(
            List.of(
                new Part("on the device: weights, moments, counters", state, false),
                new Part("on the device: gradients, codes and batch", scratch, false),
                new Part("the host's side of the latter", scratch, false)));
  }

  private static long state(StepSpec spec) {
    long n = spec.dSae();
    long d = spec.dIn();
    return 12 * (2 * n * d + n + d) + 8 * n;
  }

  private static long scratch(StepSpec spec) {
    long n = spec.dSae();
    long d = spec.dIn();
    int rows = spec.maxRows();
    long micros = (rows + spec.microBatchRows() - 1) / spec.microBatchRows();
    boolean aux = spec.aux().coefficient() > 0;
    long multiK = spec.multiTopK() ? spec.multiK() : 0;
    long auxK = aux ? Math.min(spec.aux().kAux(), n) : 0;
    long most = Math.max(spec.k(), Math.max(multiK, auxK));
    // x, error and g; then what the recipe adds.
    int batches =
        3
            + (spec.normalization() == InputNormalization.NONE ? 0 : 1)
            + (spec.applyBDecToInput() ? 1 : 0)
            + (spec.multiTopK() ? 1 : 0)
            + (aux ? 1 : 0);
    long gradients = 4 * (2 * n * d + n + d);
    long preActivations = 4 * n * EncodeTasks.tileRows(rows, spec.dSae());
    // Indices and values of each term, then code gradients and transposed codes of one.
    long codes = 8 * rows * (spec.k() + multiK + auxK + most);
    long byLatent = 4 * n * (TransposeTasks.groups(rows) + 8L);
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
   * @return bytes, at most
   */
  static long onDevice(StepSpec spec) {
    return state(spec) + scratch(spec);
  }
}
