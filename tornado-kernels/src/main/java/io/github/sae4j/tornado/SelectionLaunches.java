package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Selection;
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

  void encodeTopK(EncoderWeights encoder, Matrix x, Selection selection, SparseCodes out) {
    int rows = x.rows();
    int d = encoder.dIn();
    int n = encoder.dSae();
    expect("x", x, rows, d);
    checkCodes(out, rows, n);
    if (rows == 0) {
      device.checkOpen();
      return;
    }
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
        List.of("encodeTopK", rows, d, n, out.k(), selection, centered, scaled),
        launch -> {
          FloatArray batch = launch.input("x", x.size());
          FloatArray wEnc = launch.input("W_enc", encoder.wEnc().size());
          FloatArray bEnc = launch.input("b_enc", n);
          FloatArray bDec = centered ? launch.input("b_dec", d) : null;
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, out.k(), selection);
          FloatArray input = centered ? launch.scratch("x - b_dec", x.size()) : batch;
          FloatArray pre =
              launch.scratch("pre-activations", (long) EncodeTasks.tileRows(rows, n) * n);
          IntArray flow = launch.flow(rows, n, out.k());
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

  void topK(Matrix values, Selection selection, Matrix rankScale, SparseCodes out) {
    int rows = values.rows();
    int n = values.cols();
    checkCodes(out, rows, n);
    if (rankScale != null) {
      expect("rank scale", rankScale, 1, n);
    }
    if (rows == 0) {
      device.checkOpen();
      return;
    }
    boolean scaled = rankScale != null;
    int[] bad = new int[rows];
    float[] badValue = new float[rows];
    device.run(
        List.of("topK", rows, n, out.k(), selection, scaled),
        launch -> {
          FloatArray from = launch.input("values", values.size());
          FloatArray scale = scaled ? launch.input("rank scale", n) : null;
          EncodeTasks.Choice choice = choice(launch, rows, out.k(), selection);
          IntArray flow = launch.flow(rows, n, out.k());
          launch.send();
          EncodeTasks.select(
              launch.graph(),
              new EncodeTasks.Encoder(
                  flow, null, null, null, scale, null, Flow.LATENTS, from, rows, n, 0),
              choice,
              0,
              rows);
        },
        scaled ? List.of(values.segment(), rankScale.segment()) : List.of(values.segment()),
        List.of(
            out.indices(),
            out.values(),
            MemorySegment.ofArray(bad),
            MemorySegment.ofArray(badValue)));
    checkFinite(bad, badValue);
  }

  private static EncodeTasks.Choice choice(Launch launch, int rows, int k, Selection selection) {
    long codes = (long) rows * k;
    return new EncodeTasks.Choice(
        launch.outputIndices("indices", codes),
        launch.output("values", codes),
        launch.outputIndices("first bad latent", rows),
        launch.updated("its value", rows),
        k,
        SelectionKernels.mode(selection),
        Flow.K);
  }

  private static void checkFinite(int[] bad, float[] badValue) {
    for (int row = 0; row < bad.length; row++) {
      if (bad[row] >= 0) {
        throw new NonFiniteException(row, bad[row], badValue[row]);
      }
    }
  }

  /** Requires codes of so many rows, and no more of them than there are latents. */
  static void checkCodes(SparseCodes out, int rows, int n) {
    expect(out.rows() == rows, "codes", rows + " rows", out);
    expect(out.k() <= n, "codes", "k at most " + n, out);
  }
}
