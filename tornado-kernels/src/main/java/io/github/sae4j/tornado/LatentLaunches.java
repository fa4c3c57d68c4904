package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;
import static io.github.sae4j.kernels.Shapes.expectVector;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The device's sums by latent, one at a time: each transposes the codes first ({@link
 * LatentKernels}).
 */
final class LatentLaunches {
  private final TornadoDevice device;

  LatentLaunches(TornadoDevice device) {
    this.device = device;
  }

  void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    int d = rows.cols();
    expect("rows", rows, codes.rows(), d);
    expect("out", out, out.rows(), d);
    if (coefficients != null) {
      expectVector("coefficients", coefficients, codes.size());
    }
    codes.expectIndices(out.rows());
    if (codes.size() == 0) {
      device.checkOpen();
      out.fill(0f);
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    device.run(
        List.of("accumulateByLatent", codes.rows(), layout.room(), out.rows(), d),
        launch -> {
          TransposeTasks.Codes transposed = layout.declare(launch);
          FloatArray samples = launch.input("rows", rows.size());
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes.rows(), layout, out.rows());
          IntArray flow = launch.flow(codes.rows(), out.rows(), layout.room());
          launch.send();
          transposition.transpose(launch.graph(), flow, transposed);
          transposition.accumulate(
              launch.graph(),
              flow,
              transposed,
              transposed.values(),
              samples,
              result,
              d,
              TransposeTasks.Target.written(flow));
        },
        List.of(
            codes.indices(),
            coefficients == null ? codes.values() : perCode(coefficients, codes),
            layout.startsSegment(),
            layout.rowOfSegment(),
            rows.segment()),
        List.of(out.segment()));
  }

  void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    expectVector("coefficients", coefficients, codes.size());
    expect("out", out, 1, out.cols());
    codes.expectIndices(out.cols());
    if (codes.size() == 0) {
      device.checkOpen();
      out.fill(0f);
      return;
    }
    CodeRows layout = CodeRows.of(codes);
    device.run(
        List.of("sumByLatent", codes.rows(), layout.room(), out.cols()),
        launch -> {
          TransposeTasks.Codes transposed = layout.declare(launch);
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes.rows(), layout, out.cols());
          IntArray flow = launch.flow(codes.rows(), out.cols(), layout.room());
          launch.send();
          transposition.transpose(launch.graph(), flow, transposed);
          transposition.sum(
              launch.graph(),
              flow,
              transposed.values(),
              result,
              TransposeTasks.Target.written(flow));
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

  private static TransposeTasks transposition(Launch launch, int rows, CodeRows layout, int n) {
    return new TransposeTasks(
        launch.scratchInts("counts by latent", (long) TransposeTasks.groups(rows) * n),
        launch.scratchInts("totals by latent", n),
        launch.scratchInts("starts by latent", n + 1L),
        launch.scratchInts("codes by latent", layout.room()),
        rows,
        n);
  }
}
