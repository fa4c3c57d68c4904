package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.device.Device;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.scalar.ScalarDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's sums over rows, one at a time ({@link ColumnKernels}). */
final class ColumnLaunches {
  private final TornadoDevice device;
  private final boolean doubles;

  /**
   * The kernels.
   *
   * @param device runs them
   * @param doubles whether it has doubles that can be relied on
   */
  ColumnLaunches(TornadoDevice device, boolean doubles) {
    this.device = device;
    this.doubles = doubles;
  }

  void columnSums(Matrix a, Matrix out) {
    int d = a.cols();
    expect("out", out, 1, d);
    if (a.rows() == 0) {
      device.checkOpen();
      out.fill(0f);
      return;
    }
    device.run(
        List.of("columnSums", a.rows(), d),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray result = launch.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          FloatArray partial = launch.scratch("block sums", (long) blocks * d);
          IntArray flow = launch.flow(a.rows(), d, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("columnBlocks", (long) blocks * d),
                  ColumnKernels::columnBlocks,
                  launch.context(),
                  flow,
                  rows,
                  partial,
                  d,
                  Flow.ALWAYS)
              .task(
                  launch.graph().line("columnSums", d),
                  ColumnKernels::columnSums,
                  launch.context(),
                  flow,
                  partial,
                  result,
                  d,
                  0,
                  Flow.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }

  void columnMeans(Matrix a, Matrix out) {
    int d = a.cols();
    expect(a.rows() >= 1, "a", "at least one row", a.shape());
    expect("out", out, 1, d);
    if (!doubles) {
      device.checkOpen();
      // Rule 6 asks for doubles, so the host adds.
      try (Device host = new ScalarDevice()) {
        host.columnMeans(a, out);
      }
      return;
    }
    device.run(
        List.of("columnMeans", a.rows(), d),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray result = launch.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          DoubleArray partial = launch.scratchDoubles("block sums", (long) blocks * d);
          IntArray flow = launch.flow(a.rows(), d, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("columnDoubleBlocks", (long) blocks * d),
                  ColumnKernels::columnDoubleBlocks,
                  launch.context(),
                  flow,
                  rows,
                  partial,
                  d,
                  a.rows(),
                  blocks,
                  Flow.ALWAYS)
              .task(
                  launch.graph().line("columnMeans", d),
                  ColumnKernels::columnMeans,
                  launch.context(),
                  flow,
                  partial,
                  result,
                  d,
                  a.rows(),
                  blocks,
                  Flow.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }
}
