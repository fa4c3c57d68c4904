package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.graph.Room;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The device's selections, with and without an encoder before them, one at a time ({@link
 * SelectionKernels}).
 */
public final class SelectionLaunches {
  private final KernelRunner runner;

  public SelectionLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void encode(EncoderWeights encoder, Matrix x, Ranked topK, SparseCodes out) {
    final int rows = x.rows();
    final int d = encoder.dIn();
    final int n = encoder.dSae();
    final int k = (int) topK.k();
    topK.checkLatents(n);
    expect("x", x, rows, d);
    expect(out.rows() == rows, "codes", rows + " rows", out);
    if (rows == 0) {
      runner.checkOpen();
      return;
    }
    out.equalRows(k);
    boolean centered = encoder.bDec() != null;
    boolean scaled = encoder.rankScale() != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    // The dead latents' number differs from step to step, and that of their codes with it.
    int latents = Room.of(n);
    int capacity = Room.of(k);
    int[] indices = new int[capacity == k ? 0 : Math.multiplyExact(rows, capacity)];
    float[] values = new float[indices.length];
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(MemorySegment.ofArray(StepControl.values(rows, n, k)));
    arguments.add(x.segment());
    arguments.add(encoder.wEnc().segment());
    arguments.add(encoder.bEnc().segment());
    if (centered) {
      arguments.add(encoder.bDec().segment());
    }
    if (scaled) {
      arguments.add(encoder.rankScale().segment());
    }
    runner.run(
        List.of("encode", rows, d, latents, capacity, topK.relu(), centered, scaled),
        kernel -> {
          IntArray control = kernel.steering();
          FloatArray batch = kernel.input("x", x.size());
          FloatArray wEnc = kernel.input("W_enc", (long) latents * d);
          FloatArray bEnc = kernel.input("b_enc", latents);
          FloatArray bDec = centered ? kernel.input("b_dec", d) : null;
          FloatArray scale = scaled ? kernel.input("rank scale", latents) : null;
          EncodeTasks.Choice choice = choice(kernel, rows, capacity, topK);
          FloatArray input = centered ? kernel.scratch("x - b_dec", x.size()) : batch;
          FloatArray pre =
              kernel.scratch(
                  "pre-activations", (long) EncodeTasks.tileRows(rows, latents) * latents);
          FloatArray maxima = kernel.scratch("greatest ranks", EncodeTasks.maxima(rows, latents));
          kernel.send();
          if (centered) {
            kernel
                .tasks()
                .task(
                    kernel.graph().line("subtractRow", x.size()),
                    ElementKernels::subtractRow,
                    kernel.context(),
                    control,
                    batch,
                    bDec,
                    input,
                    d);
          }
          EncodeTasks.add(
              kernel.graph(),
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
                  latents,
                  d),
              choice);
        },
        arguments,
        List.of(
            capacity == k ? out.indices() : MemorySegment.ofArray(indices),
            capacity == k ? out.values() : MemorySegment.ofArray(values),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
    if (capacity != k) {
      for (int row = 0; row < rows; row++) {
        out.setRow(row, k, indices, values, row * capacity);
      }
    }
  }

  public void activate(
      Matrix products, Matrix bias, Ranked topK, Matrix rankScale, SparseCodes out) {
    final int rows = products.rows();
    final int n = products.cols();
    final int k = (int) topK.k();
    topK.checkLatents(n);
    expect(out.rows() == rows, "codes", rows + " rows", out);
    if (bias != null) {
      expect("bias", bias, 1, n);
    }
    if (rankScale != null) {
      expect("rank scale", rankScale, 1, n);
    }
    if (rows == 0) {
      runner.checkOpen();
      return;
    }
    out.equalRows(k);
    boolean biased = bias != null;
    boolean scaled = rankScale != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(products.segment());
    if (biased) {
      arguments.add(bias.segment());
    }
    if (scaled) {
      arguments.add(rankScale.segment());
    }
    runner.run(
        List.of("activate", rows, n, topK, biased, scaled),
        kernel -> {
          FloatArray from = kernel.input("products", products.size());
          FloatArray added = biased ? kernel.input("bias", n) : null;
          FloatArray scale = scaled ? kernel.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(kernel, rows, k, topK);
          FloatArray pre = biased ? kernel.scratch("pre-activations", products.size()) : from;
          IntArray control = kernel.control(rows, n, k);
          kernel.send();
          if (biased) {
            kernel
                .tasks()
                .task(
                    kernel.graph().line("addRow", products.size()),
                    ElementKernels::addRow,
                    kernel.context(),
                    control,
                    from,
                    added,
                    pre,
                    n);
          }
          EncodeTasks.select(
              kernel.graph(),
              new EncodeTasks.Encoder(
                  control,
                  null,
                  null,
                  null,
                  scale,
                  null,
                  StepControl.LATENTS,
                  pre,
                  null,
                  rows,
                  n,
                  0),
              choice,
              0,
              rows);
        },
        arguments,
        List.of(
            out.indices(),
            out.values(),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
  }

  private static EncodeTasks.Choice choice(
      CompiledKernel kernel, int rows, int capacity, Ranked topK) {
    long codes = (long) rows * capacity;
    return new EncodeTasks.Choice(
        kernel.outputIndices("indices", codes),
        kernel.output("values", codes),
        kernel.outputIndices("first bad latent", rows),
        kernel.updated("its value", rows),
        capacity,
        SelectionKernels.mode(topK.relu()),
        StepControl.K);
  }

  private static void checkFinite(int[] bad, float[] badValue) {
    for (int row = 0; row < bad.length; row++) {
      if (bad[row] >= 0) {
        throw new NonFiniteException(row, bad[row], badValue[row]);
      }
    }
  }
}
