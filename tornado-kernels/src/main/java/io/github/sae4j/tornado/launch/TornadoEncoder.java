package io.github.sae4j.tornado.launch;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.graph.CompiledKernels;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.KernelPlan;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A TopK encoder whose weights stay on the device between calls. It is compiled for a number of
 * rows at the first call, and again when more rows come; batches of more than {@link #MOST_ROWS}
 * rows go in pieces.
 */
public final class TornadoEncoder implements Encoder {
  private static final int MOST_ROWS = 4096;

  private final CompiledKernels kernels;
  private final int d;
  private final int n;
  private final int k;
  private final int mode;
  private final FloatArray wEnc;
  private final FloatArray bEnc;
  private final FloatArray bDec;
  private final FloatArray scale;
  private Compiled compiled;
  private boolean closed;

  /**
   * Copies weights; nothing is compiled yet.
   *
   * @param kernels of the device that they are copied to
   * @param weights the weights
   * @param topK how latents become active
   */
  public TornadoEncoder(CompiledKernels kernels, EncoderWeights weights, Ranked topK) {
    this.kernels = kernels;
    d = weights.dIn();
    n = weights.dSae();
    topK.checkLatents(n);
    k = (int) topK.k();
    mode = SelectionKernels.mode(topK.relu());
    // On arrays of our own: later changes of the weights must not be seen.
    KernelGraph limits = new KernelGraph(kernels.accelerator());
    wEnc = copied(limits.floats("W_enc", weights.wEnc().size()), weights.wEnc());
    bEnc = copied(limits.floats("b_enc", n), weights.bEnc());
    bDec = weights.bDec() == null ? null : copied(limits.floats("b_dec", d), weights.bDec());
    scale =
        weights.rankScale() == null
            ? null
            : copied(limits.floats("rank scale", n), weights.rankScale());
  }

  private static FloatArray copied(FloatArray array, Matrix from) {
    MemorySegment.copy(from.segment(), 0, array.getSegment(), 0, from.segment().byteSize());
    return array;
  }

  /** The graph for a number of rows, and the arrays that travel. */
  private final class Compiled {
    final int rows;
    final IntArray control;
    final FloatArray x;
    final EncodeTasks.Choice choice;
    final KernelPlan plan;

    Compiled(int rows) {
      this.rows = rows;
      KernelGraph graph = new KernelGraph(kernels.accelerator());
      long codes = (long) rows * k;
      control = graph.added(StepControl.of(rows, n, k));
      x = graph.floats("x", (long) rows * d);
      FloatArray input = bDec == null ? x : graph.floats("x - b_dec", (long) rows * d);
      FloatArray pre = graph.floats("pre-activations", (long) EncodeTasks.tileRows(rows, n) * n);
      FloatArray maxima = graph.floats("greatest ranks", EncodeTasks.maxima(rows, n));
      choice =
          new EncodeTasks.Choice(
              graph.ints("indices", codes),
              graph.floats("values", codes),
              graph.ints("bad latents", rows),
              graph.floats("bad values", rows),
              k,
              mode,
              StepControl.K);
      List<TornadoNativeArray> resident = new ArrayList<>(List.of(wEnc, bEnc, pre, maxima));
      // Written for bad rows only, so what is fetched must have been sent.
      resident.add(choice.badValue());
      graph.added(wEnc);
      graph.added(bEnc);
      if (bDec != null) {
        resident.add(graph.added(bDec));
        resident.add(input);
      }
      if (scale != null) {
        resident.add(graph.added(scale));
      }
      graph.send(KernelGraph.RESIDENT, resident);
      graph.send(KernelGraph.EVERY_RUN, List.of(control, x));
      if (bDec != null) {
        graph
            .tasks()
            .task(
                graph.line("subtractRow", (long) rows * d),
                ElementKernels::subtractRow,
                graph.context(),
                control,
                x,
                bDec,
                input,
                d);
      }
      EncodeTasks.add(
          graph,
          new EncodeTasks.Encoder(
              control,
              input,
              wEnc,
              bEnc,
              scale,
              null,
              StepControl.LATENTS,
              pre,
              maxima,
              rows,
              n,
              d),
          choice);
      graph.fetch(
          KernelGraph.EVERY_RUN,
          List.of(choice.indices(), choice.values(), choice.badIndex(), choice.badValue()));
      kernels.makeRoomFor(graph);
      plan = graph.compile();
    }

    void encode(Matrix batch, SparseCodes out, int from) {
      MemorySegment.copy(batch.segment(), 0, x.getSegment(), 0, batch.segment().byteSize());
      control.set(StepControl.ROWS, batch.rows());
      plan.run();
      for (int row = 0; row < batch.rows(); row++) {
        int bad = choice.badIndex().get(row);
        if (bad >= 0) {
          throw new NonFiniteException(from + row, bad, choice.badValue().get(row));
        }
      }
      long bytes = out.values().byteSize();
      MemorySegment.copy(choice.indices().getSegment(), 0, out.indices(), 0, bytes);
      MemorySegment.copy(choice.values().getSegment(), 0, out.values(), 0, bytes);
    }
  }

  @Override
  public void encode(Matrix x, SparseCodes out) {
    Shapes.expect("x", x, x.rows(), d);
    Shapes.expect(out.rows() == x.rows(), "codes", x.rows() + " rows", out);
    synchronized (kernels) {
      kernels.checkOpen();
      if (closed) {
        throw new IllegalStateException(
            "this encoder of " + kernels.accelerator().name() + " is closed");
      }
      out.equalRows(k);
      for (int from = 0; from < x.rows(); from += MOST_ROWS) {
        int count = Math.min(MOST_ROWS, x.rows() - from);
        fitting(count).encode(x.rows(from, count), out.rows(from, count), from);
      }
    }
  }

  private Compiled fitting(int rows) {
    if (compiled == null || compiled.rows < rows) {
      int capacity = compiled == null ? rows : Math.max(rows, compiled.rows);
      free();
      compiled = new Compiled(capacity);
    }
    return compiled;
  }

  private void free() {
    if (compiled != null) {
      compiled.plan.close();
      compiled = null;
    }
  }

  @Override
  public void close() {
    synchronized (kernels) {
      closed = true;
      free();
    }
  }
}
