package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's kernels on the codes of a sample, one at a time ({@link CodeKernels}). */
final class CodeLaunches {
  private final TornadoDevice device;

  CodeLaunches(TornadoDevice device) {
    this.device = device;
  }

  void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("out", out, rows, d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    checkIndices(codes, wDec.rows());
    if (rows == 0) {
      device.checkOpen();
      return;
    }
    boolean biased = bDec != null;
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(codes.indices());
    arguments.add(codes.values());
    arguments.add(wDec.segment());
    if (biased) {
      arguments.add(bDec.segment());
    }
    device.run(
        List.of("decode", rows, codes.k(), wDec.rows(), d, biased),
        launch -> {
          IntArray indices = launch.inputIndices("indices", (long) rows * codes.k());
          FloatArray values = launch.input("values", (long) rows * codes.k());
          FloatArray weights = launch.input("W_dec", wDec.size());
          FloatArray bias = biased ? launch.input("b_dec", d) : weights;
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(rows, wDec.rows(), codes.k());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("decode", out.size()),
                  CodeKernels::decode,
                  launch.context(),
                  flow,
                  indices,
                  values,
                  weights,
                  bias,
                  result,
                  d,
                  codes.k(),
                  Flow.K,
                  biased ? 1 : 0,
                  Flow.ALWAYS);
        },
        arguments,
        List.of(out.segment()));
  }

  void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("g", g, rows, d);
    expect("out", out, rows, codes.k());
    checkIndices(codes, wDec.rows());
    if (rows == 0) {
      device.checkOpen();
      return;
    }
    device.run(
        List.of("codeGradients", rows, codes.k(), wDec.rows(), d, gated),
        launch -> {
          FloatArray gradient = launch.input("g", g.size());
          FloatArray weights = launch.input("W_dec", wDec.size());
          IntArray indices = launch.inputIndices("indices", out.size());
          FloatArray values = launch.input("values", out.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(rows, wDec.rows(), codes.k());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("codeGradients", out.size()),
                  CodeKernels::codeGradients,
                  launch.context(),
                  flow,
                  gradient,
                  weights,
                  indices,
                  values,
                  result,
                  d,
                  codes.k(),
                  Flow.K,
                  gated ? 1 : 0);
        },
        List.of(g.segment(), wDec.segment(), codes.indices(), codes.values()),
        List.of(out.segment()));
  }

  static void checkIndices(SparseCodes codes, int n) {
    for (int row = 0; row < codes.rows(); row++) {
      for (int slot = 0; slot < codes.k(); slot++) {
        int index = codes.index(row, slot);
        if (index < 0 || index >= n) {
          throw new IllegalArgumentException(
              "codes: expected indices in [0, " + n + "), got " + index + " in row " + row);
        }
      }
    }
  }
}
