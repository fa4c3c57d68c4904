package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.tornado.graph.CodeRows;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.graph.Room;
import io.github.sae4j.tornado.graph.TransposeTasks;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The device's sums by latent, one at a time: each transposes the codes first ({@link
 * LatentKernels}).
 */
public final class LatentLaunches {
  private final KernelRunner runner;

  public LatentLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    int d = rows.cols();
    expect("rows", rows, codes.rows(), d);
    expect("out", out, out.rows(), d);
    if (coefficients != null) {
      expectVector("coefficients", coefficients, codes.size());
    }
    codes.expectIndices(out.rows());
    if (codes.size() == 0) {
      runner.checkOpen();
      out.fill(0f);
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    int latents = Room.of(out.rows());
    runner.run(
        List.of("accumulateByLatent", codes.rows(), layout.room(), latents, d),
        kernel -> {
          TransposeTasks.Codes transposed = layout.declare(kernel);
          FloatArray samples = kernel.input("rows", rows.size());
          FloatArray result = kernel.output("out", (long) latents * d);
          TransposeTasks transposition = transposition(kernel, codes.rows(), layout, latents);
          IntArray control = kernel.control(codes.rows(), latents, layout.room());
          kernel.send();
          transposition.transpose(kernel.graph(), control, transposed);
          transposition.accumulate(
              kernel.graph(),
              control,
              transposed,
              transposed.values(),
              samples,
              result,
              d,
              TransposeTasks.Target.written(control));
        },
        List.of(
            codes.indices(),
            coefficients == null ? codes.values() : perCode(coefficients, codes),
            layout.startsSegment(),
            layout.rowOfSegment(),
            rows.segment()),
        List.of(out.segment()));
  }

  public void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    expectVector("coefficients", coefficients, codes.size());
    expect("out", out, 1, out.cols());
    codes.expectIndices(out.cols());
    if (codes.size() == 0) {
      runner.checkOpen();
      out.fill(0f);
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    int latents = Room.of(out.cols());
    runner.run(
        List.of("sumByLatent", codes.rows(), layout.room(), latents),
        kernel -> {
          TransposeTasks.Codes transposed = layout.declare(kernel);
          FloatArray result = kernel.output("out", latents);
          TransposeTasks transposition = transposition(kernel, codes.rows(), layout, latents);
          IntArray control = kernel.control(codes.rows(), latents, layout.room());
          kernel.send();
          transposition.transpose(kernel.graph(), control, transposed);
          transposition.sum(
              kernel.graph(),
              control,
              transposed.values(),
              result,
              TransposeTasks.Target.written(control));
        },
        List.of(
            codes.indices(),
            perCode(coefficients, codes),
            layout.startsSegment(),
            layout.rowOfSegment()),
        List.of(out.segment()));
  }

  private static MemorySegment perCode(Matrix coefficients, SparseCodes codes) {
    return coefficients.firstElements(codes.size()).segment();
  }

  private static TransposeTasks transposition(
      CompiledKernel kernel, int rows, CodeRows layout, int n) {
    return new TransposeTasks(
        kernel.scratchInts(
            "counts by latent",
            (long) TransposeTasks.groups(rows, kernel.graph().accelerator().schedule()) * n),
        kernel.scratchInts("totals by latent", n),
        kernel.scratchInts("starts by latent", n + 1L),
        kernel.scratchInts("codes by latent", layout.room()),
        rows,
        n);
  }
}
