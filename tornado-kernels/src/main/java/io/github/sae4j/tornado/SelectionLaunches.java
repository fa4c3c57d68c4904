package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The device's selections, with and without an encoder before them, one at a time ({@link
 * SelectionKernels}).
 */
final class SelectionLaunches {
  private final TornadoDevice device;

  SelectionLaunches(TornadoDevice device) {
    this.device = device;
  }

  void encode(EncoderWeights encoder, Matrix x, Ranked topK, SparseCodes out) {
    final int rows = x.rows();
    final int d = encoder.dIn();
    final int n = encoder.dSae();
    final int k = (int) topK.k();
    topK.checkLatents(n);
    expect("x", x, rows, d);
    expect(out.rows() == rows, "codes", rows + " rows", out);
    if (rows == 0) {
      device.checkOpen();
      return;
    }
    out.equalRows(k);
    boolean centered = encoder.bDec() != null;
    boolean scaled = encoder.rankScale() != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(x.segment());
    arguments.add(encoder.wEnc().segment());
    arguments.add(encoder.bEnc().segment());
    if (centered) {
      arguments.add(encoder.bDec().segment());
    }
    if (scaled) {
      arguments.add(encoder.rankScale().segment());
    }
    device.run(
        List.of("encode", rows, d, n, topK, centered, scaled),
        launch -> {
          FloatArray batch = launch.input("x", x.size());
          FloatArray wEnc = launch.input("W_enc", encoder.wEnc().size());
          FloatArray bEnc = launch.input("b_enc", n);
          FloatArray bDec = centered ? launch.input("b_dec", d) : null;
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, topK);
          FloatArray input = centered ? launch.scratch("x - b_dec", x.size()) : batch;
          FloatArray pre =
              launch.scratch("pre-activations", (long) EncodeTasks.tileRows(rows, n) * n);
          IntArray flow = launch.flow(rows, n, k);
          launch.send();
          if (centered) {
            launch
                .tasks()
                .task(
                    launch.graph().line("subtractRow", x.size()),
                    ElementKernels::subtractRow,
                    launch.context(),
                    flow,
                    batch,
                    bDec,
                    input,
                    d);
          }
          EncodeTasks.add(
              launch.graph(),
              new EncodeTasks.Encoder(
                  flow, input, wEnc, bEnc, scale, null, Flow.LATENTS, pre, rows, n, d),
              choice);
        },
        arguments,
        List.of(
            out.indices(),
            out.values(),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
  }

  void activate(Matrix products, Matrix bias, Ranked topK, Matrix rankScale, SparseCodes out) {
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
      device.checkOpen();
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
    device.run(
        List.of("activate", rows, n, topK, biased, scaled),
        launch -> {
          FloatArray from = launch.input("products", products.size());
          FloatArray added = biased ? launch.input("bias", n) : null;
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, topK);
          FloatArray pre = biased ? launch.scratch("pre-activations", products.size()) : from;
          IntArray flow = launch.flow(rows, n, k);
          launch.send();
          if (biased) {
            launch
                .tasks()
                .task(
                    launch.graph().line("addRow", products.size()),
                    ElementKernels::addRow,
                    launch.context(),
                    flow,
                    from,
                    added,
                    pre,
                    n);
          }
          EncodeTasks.select(
              launch.graph(),
              new EncodeTasks.Encoder(
                  flow, null, null, null, scale, null, Flow.LATENTS, pre, rows, n, 0),
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

  private static EncodeTasks.Choice choice(Launch launch, int rows, Ranked topK) {
    int k = (int) topK.k();
    long codes = (long) rows * k;
    return new EncodeTasks.Choice(
        launch.outputIndices("indices", codes),
        launch.output("values", codes),
        launch.outputIndices("first bad latent", rows),
        launch.updated("its value", rows),
        k,
        SelectionKernels.mode(topK.relu()),
        Flow.K);
  }

  private static void checkFinite(int[] bad, float[] badValue) {
    for (int row = 0; row < bad.length; row++) {
      if (bad[row] >= 0) {
        throw new NonFiniteException(row, bad[row], badValue[row]);
      }
    }
  }
}
