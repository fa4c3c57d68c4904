package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

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
    codes.expectIndices(wDec.rows());
    if (rows == 0) {
      device.checkOpen();
      return;
    }
    boolean biased = bDec != null;
    CodeRows layout = CodeRows.of(codes);
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(codes.indices());
    arguments.add(codes.values());
    arguments.add(layout.startsSegment());
    arguments.add(layout.rowOfSegment());
    arguments.add(wDec.segment());
    if (biased) {
      arguments.add(bDec.segment());
    }
    device.run(
        List.of("decode", rows, layout.room(), wDec.rows(), d, biased),
        launch -> {
          TransposeTasks.Codes sparse = layout.declare(launch);
          FloatArray weights = launch.input("W_dec", wDec.size());
          FloatArray bias = biased ? launch.input("b_dec", d) : weights;
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(rows, wDec.rows(), layout.room());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("decode", out.size()),
                  CodeKernels::decode,
                  launch.context(),
                  flow,
                  sparse.rowStarts(),
                  sparse.indices(),
                  sparse.values(),
                  weights,
                  bias,
                  result,
                  d,
                  sparse.capacity(),
                  sparse.slot(),
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
    expectVector("out", out, codes.size());
    codes.expectIndices(wDec.rows());
    if (codes.size() == 0) {
      device.checkOpen();
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    device.run(
        List.of("codeGradients", rows, layout.room(), wDec.rows(), d, gated),
        launch -> {
          TransposeTasks.Codes sparse = layout.declare(launch);
          FloatArray gradient = launch.input("g", g.size());
          FloatArray weights = launch.input("W_dec", wDec.size());
          FloatArray result = launch.output("out", layout.room());
          IntArray flow = launch.flow(rows, wDec.rows(), layout.room());
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("codeGradients", layout.room()),
                  CodeKernels::codeGradients,
                  launch.context(),
                  flow,
                  sparse.rowOf(),
                  gradient,
                  weights,
                  sparse.indices(),
                  sparse.values(),
                  result,
                  d,
                  sparse.capacity(),
                  sparse.slot(),
                  gated ? 1 : 0);
        },
        List.of(
            codes.indices(),
            codes.values(),
            layout.startsSegment(),
            layout.rowOfSegment(),
            g.segment(),
            wDec.segment()),
        List.of(out.firstElements(codes.size()).segment()));
  }
}
