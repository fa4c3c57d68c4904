package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.graph.CodeRows;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.graph.Room;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.CodeKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.kernels.Strips;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's kernels on the codes of a sample, one at a time ({@link CodeKernels}). */
public final class CodeLaunches {
  private final KernelRunner runner;

  public CodeLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("out", out, rows, d);
    if (bDec != null) {
      expect("b_dec", bDec, 1, d);
    }
    codes.expectIndices(wDec.rows());
    if (rows == 0) {
      runner.checkOpen();
      return;
    }
    boolean biased = bDec != null;
    CodeRows layout = CodeRows.of(codes);
    int latents = Room.of(wDec.rows());
    List<MemorySegment> arguments = new ArrayList<>();
    arguments.add(codes.indices());
    arguments.add(codes.values());
    arguments.add(layout.startsSegment());
    arguments.add(layout.rowOfSegment());
    arguments.add(wDec.segment());
    if (biased) {
      arguments.add(bDec.segment());
    }
    runner.run(
        List.of("decode", rows, layout.room(), latents, d, biased),
        kernel -> {
          TransposeTasks.Codes sparse = layout.declare(kernel);
          FloatArray weights = kernel.input("W_dec", (long) latents * d);
          FloatArray bias = biased ? kernel.input("b_dec", d) : weights;
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(rows, latents, layout.room());
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().strips("decode", rows, d),
                  CodeKernels::decode,
                  kernel.context(),
                  control,
                  sparse.rowStarts(),
                  sparse.indices(),
                  sparse.values(),
                  weights,
                  bias,
                  weights,
                  result,
                  d,
                  sparse.capacity(),
                  sparse.slot(),
                  Strips.columns(d),
                  biased ? CodeKernels.BIASED : 0,
                  StepControl.ALWAYS);
        },
        arguments,
        List.of(out.segment()));
  }

  public void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out) {
    int rows = codes.rows();
    int d = wDec.cols();
    expect("g", g, rows, d);
    expectVector("out", out, codes.size());
    codes.expectIndices(wDec.rows());
    if (codes.size() == 0) {
      runner.checkOpen();
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    int latents = Room.of(wDec.rows());
    runner.run(
        List.of("codeGradients", rows, layout.room(), latents, d, gated),
        kernel -> {
          TransposeTasks.Codes sparse = layout.declare(kernel);
          FloatArray gradient = kernel.input("g", g.size());
          FloatArray weights = kernel.input("W_dec", (long) latents * d);
          FloatArray result = kernel.output("out", layout.room());
          IntArray control = kernel.control(rows, latents, layout.room());
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().rows("codeGradients", layout.room()),
                  CodeKernels::codeGradients,
                  kernel.context(),
                  control,
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
