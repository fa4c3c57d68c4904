package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's sums over rows, one at a time ({@link ColumnKernels}). */
public final class ColumnLaunches {
  private final KernelRunner runner;
  private final boolean doubles;

  /**
   * The kernels.
   *
   * @param device runs them
   * @param doubles whether it has doubles that can be relied on
   */
  public ColumnLaunches(KernelRunner runner, boolean doubles) {
    this.runner = runner;
    this.doubles = doubles;
  }

  public void columnSums(Matrix a, Matrix out) {
    int d = a.cols();
    expect("out", out, 1, d);
    if (a.rows() == 0) {
      runner.checkOpen();
      out.fill(0f);
      return;
    }
    runner.run(
        List.of("columnSums", a.rows(), d),
        kernel -> {
          FloatArray rows = kernel.input("a", a.size());
          FloatArray result = kernel.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          FloatArray partial = kernel.scratch("block sums", (long) blocks * d);
          IntArray control = kernel.control(a.rows(), d, 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("columnBlocks", (long) blocks * d),
                  ColumnKernels::columnBlocks,
                  kernel.context(),
                  control,
                  rows,
                  partial,
                  d,
                  StepControl.ALWAYS)
              .task(
                  kernel.graph().line("columnSums", d),
                  ColumnKernels::columnSums,
                  kernel.context(),
                  control,
                  partial,
                  result,
                  d,
                  0,
                  StepControl.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }

  public void columnMeans(Matrix a, Matrix out) {
    int d = a.cols();
    expect(a.rows() >= 1, "a", "at least one row", a.shape());
    expect("out", out, 1, d);
    if (!doubles) {
      runner.checkOpen();
      // Rule 6 asks for doubles, so the host adds.
      try (Device host = new ScalarDevice()) {
        host.columnMeans(a, out);
      }
      return;
    }
    runner.run(
        List.of("columnMeans", a.rows(), d),
        kernel -> {
          FloatArray rows = kernel.input("a", a.size());
          FloatArray result = kernel.output("out", d);
          int blocks = ColumnKernels.blocks(a.rows());
          DoubleArray partial = kernel.scratchDoubles("block sums", (long) blocks * d);
          IntArray control = kernel.control(a.rows(), d, 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("columnDoubleBlocks", (long) blocks * d),
                  ColumnKernels::columnDoubleBlocks,
                  kernel.context(),
                  control,
                  rows,
                  partial,
                  d,
                  a.rows(),
                  blocks,
                  StepControl.ALWAYS)
              .task(
                  kernel.graph().line("columnMeans", d),
                  ColumnKernels::columnMeans,
                  kernel.context(),
                  control,
                  partial,
                  result,
                  d,
                  a.rows(),
                  blocks,
                  StepControl.ALWAYS);
        },
        List.of(a.segment()),
        List.of(out.segment()));
  }
}
