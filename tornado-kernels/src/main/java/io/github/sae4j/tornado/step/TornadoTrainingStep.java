package io.github.sae4j.tornado.step;

import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import io.github.sae4j.tornado.graph.CompiledKernels;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.KernelPlan;
import io.github.sae4j.tornado.kernels.AdamKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A training step as one task graph. The first run sends the state; from then on weights, moments
 * and counters stay on the device, and the host's copy is what it was at the last {@link
 * #synchronize()}; the arrays of weights and moments lie on the state's own memory. Each run sends
 * the batch and a handful of numbers, and fetches row scalars.
 *
 * <p>One graph, because buffers of TornadoVM belong to a graph: two that shared the weights could
 * not have other kernels run between them.
 */
public final class TornadoTrainingStep implements TrainingStep {
  private final CompiledKernels kernels;
  private final GraphSpec spec;
  private final TrainingState state;
  private final StepArrays arrays;
  private final StepLosses losses;
  private final KernelPlan plan;
  private final OffHeap memory;
  private final ScalarDevice host = new ScalarDevice();
  private final Matrix scaled;
  private final Matrix normalized;
  private final Matrix outScales;
  private final Matrix outShifts;
  private boolean resident;
  private boolean closed;

  /**
   * Compiles a step; nothing is sent yet.
   *
   * @param kernels of the device that it runs on
   * @param step a step that {@link GraphSpec#execution} calls fused
   * @param state its weights, moments and counters
   */
  public TornadoTrainingStep(CompiledKernels kernels, StepSpec step, TrainingState state) {
    Shapes.expect("W_enc", state.wEnc(), step.shape().dSae(), step.shape().dIn());
    this.kernels = kernels;
    this.spec = GraphSpec.of(step);
    this.state = state;
    KernelGraph graph = new KernelGraph(kernels.accelerator());
    this.arrays = new StepArrays(graph, spec, state);
    this.losses = new StepLosses(spec, arrays);
    arrays.send();
    StepTasks.add(graph, spec, arrays);
    arrays.fetch();
    this.plan = graph.compile();
    this.memory = new OffHeap();
    boolean normalizes = spec.normalizes();
    this.scaled = normalizes && spec.scales() ? memory.matrix(spec.rows(), spec.dIn()) : null;
    this.normalized = normalizes ? memory.matrix(spec.rows(), spec.dIn()) : null;
    this.outScales = normalizes ? memory.vector(spec.rows()) : null;
    this.outShifts = normalizes ? memory.vector(spec.rows()) : null;
  }

  @Override
  public StepReport run(Matrix x, double learningRate, long number, boolean withVariance) {
    spec.step().shape().expectBatch(x);
    synchronized (kernels) {
      checkOpen();
      if (!resident) {
        sendState();
      }
      sendBatch(x);
      Adam adam = spec.optimizer().adam(learningRate, number);
      copy(MemorySegment.ofArray(AdamKernels.constants(adam)), arrays.adam);
      steer(x.rows(), withVariance);
      plan.run();
      resident = true;
      checkFinite(StepControl.BAD_ROW, arrays.badIndex, arrays.badValue);
      checkFinite(StepControl.AUX_BAD_ROW, arrays.auxBadIndex, arrays.auxBadValue);
      return losses.report(withVariance);
    }
  }

  private void checkFinite(int slot, IntArray badIndex, FloatArray badValue) {
    int bad = arrays.control.get(slot) - 1;
    if (bad >= 0) {
      throw new NonFiniteException(bad, badIndex.get(bad), badValue.get(bad));
    }
  }

  private void steer(int rows, boolean withVariance) {
    boolean auxMayAsk = spec.aux() != null && spec.aux().needsVariance();
    boolean variance = withVariance || spec.needsVariance() || auxMayAsk;
    arrays.control.init(0);
    arrays.control.set(StepControl.ALWAYS, 1);
    arrays.control.set(StepControl.GOOD, 1);
    arrays.control.set(StepControl.ROWS, rows);
    arrays.control.set(StepControl.VARIANCE, variance ? 1 : 0);
    arrays.control.set(StepControl.LATENTS, spec.dSae());
    arrays.control.set(StepControl.K, spec.k());
    arrays.control.set(StepControl.MULTI_K, spec.multiK());
  }

  private void sendBatch(Matrix x) {
    copy(x.segment(), arrays.x);
    if (normalized != null) {
      Matrix out = normalized.firstRows(x.rows());
      Matrix scales = outScales.firstElements(x.rows());
      Matrix shifts = outShifts.firstElements(x.rows());
      spec.step().forward().normalization().apply(factorApplied(x), out, scales, shifts);
      copy(out.segment(), arrays.normalized);
      copy(scales.segment(), arrays.outScales);
      copy(shifts.segment(), arrays.outShifts);
    }
  }

  /** The batch times the input factor, which the graph forms for itself where nothing else does. */
  private Matrix factorApplied(Matrix x) {
    if (scaled == null) {
      return x;
    }
    Matrix copy = scaled.firstRows(x.rows());
    copy.copyFrom(x);
    host.scale(copy, spec.step().forward().inputFactor());
    return copy;
  }

  private void sendState() {
    List<FloatArray> tensors = arrays.tensors();
    for (int i = 0; i < tensors.size(); i++) {
      MemorySegment from = state.tensors().get(i).matrix().segment();
      if (!isSame(from, tensors.get(i))) {
        copy(from, tensors.get(i));
      }
    }
    for (int i = 0; i < state.sinceFired().length; i++) {
      arrays.sinceFired.set(i, state.sinceFired()[i]);
    }
  }

  private static boolean isSame(MemorySegment memory, FloatArray array) {
    return memory.address() == array.getSegment().address();
  }

  private static void copy(MemorySegment from, TornadoNativeArray to) {
    MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
  }

  @Override
  public void synchronize() {
    synchronized (kernels) {
      checkOpen();
      if (!resident) {
        return;
      }
      plan.fetch(arrays.stateArrays());
      List<FloatArray> tensors = arrays.tensors();
      for (int i = 0; i < tensors.size(); i++) {
        MemorySegment to = state.tensors().get(i).matrix().segment();
        if (!isSame(to, tensors.get(i))) {
          MemorySegment.copy(tensors.get(i).getSegment(), 0, to, 0, to.byteSize());
        }
      }
      for (int i = 0; i < state.sinceFired().length; i++) {
        state.sinceFired()[i] = arrays.sinceFired.get(i);
      }
    }
  }

  private void checkOpen() {
    kernels.checkOpen();
    if (closed) {
      throw new IllegalStateException(
          "this training step of " + kernels.accelerator().name() + " is closed");
    }
  }

  @Override
  public void close() {
    synchronized (kernels) {
      if (!closed) {
        closed = true;
        memory.close();
        host.close();
        plan.close();
      }
    }
  }
}
