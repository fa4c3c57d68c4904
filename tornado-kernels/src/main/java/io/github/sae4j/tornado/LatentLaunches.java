package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
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
      expect("coefficients", coefficients, codes.rows(), codes.k());
    }
    CodeLaunches.checkIndices(codes, out.rows());
    if (codes.rows() == 0) {
      device.checkOpen();
      out.fill(0f);
      return;
    }
    device.run(
        List.of("accumulateByLatent", codes.rows(), codes.k(), out.rows(), d),
        launch -> {
          TransposeTasks.Codes transposed = codesOf(launch, codes);
          FloatArray samples = launch.input("rows", rows.size());
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes, out.rows());
          IntArray flow = launch.flow(codes.rows(), out.rows(), codes.k());
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
            coefficients == null ? codes.values() : coefficients.segment(),
            rows.segment()),
        List.of(out.segment()));
  }

  void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out) {
    expect("coefficients", coefficients, codes.rows(), codes.k());
    expect("out", out, 1, out.cols());
    CodeLaunches.checkIndices(codes, out.cols());
    if (codes.rows() == 0) {
      device.checkOpen();
      out.fill(0f);
      return;
    }
    device.run(
        List.of("sumByLatent", codes.rows(), codes.k(), out.cols()),
        launch -> {
          TransposeTasks.Codes transposed = codesOf(launch, codes);
          FloatArray result = launch.output("out", out.size());
          TransposeTasks transposition = transposition(launch, codes, out.cols());
          IntArray flow = launch.flow(codes.rows(), out.cols(), codes.k());
          launch.send();
          transposition.transpose(launch.graph(), flow, transposed);
          transposition.sum(
              launch.graph(),
              flow,
              transposed.values(),
              result,
              TransposeTasks.Target.written(flow));
        },
        List.of(codes.indices(), coefficients.segment()),
        List.of(out.segment()));
  }

  private static TransposeTasks.Codes codesOf(Launch launch, SparseCodes codes) {
    long size = (long) codes.rows() * codes.k();
    return new TransposeTasks.Codes(
        launch.inputIndices("indices", size), launch.input("values", size), codes.k(), Flow.K);
  }

  private static TransposeTasks transposition(Launch launch, SparseCodes codes, int n) {
    return new TransposeTasks(
        launch.scratchInts("counts by latent", (long) TransposeTasks.groups(codes.rows()) * n),
        launch.scratchInts("totals by latent", n),
        launch.scratchInts("starts by latent", n + 1L),
        launch.scratchInts("codes by latent", (long) codes.rows() * codes.k()),
        codes.rows(),
        n);
  }
}
