package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's kernels that need a sum along a row, one at a time ({@link RowKernels}). */
public final class RowLaunches {
  private final KernelRunner runner;

  public RowLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void rowDots(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    rowSums(a, b, out, false);
  }

  public void rowNorms(Matrix a, Matrix out) {
    rowSums(a, a, out, true);
  }

  private void rowSums(Matrix a, Matrix b, Matrix out, boolean root) {
    expect("out", out, 1, a.rows());
    runner.run(
        List.of("rowDots", a.rows(), a.cols(), root),
        kernel -> {
          FloatArray left = kernel.input("a", a.size());
          FloatArray right = kernel.input("b", b.size());
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().rows("rowDots", a.rows()),
                  RowKernels::rowDots,
                  kernel.context(),
                  control,
                  left,
                  right,
                  result,
                  a.cols(),
                  StepControl.ROWS,
                  root ? 1 : 0,
                  StepControl.ALWAYS);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  public void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    expect("center", center, 1, a.cols());
    expect("out", out, 1, a.rows());
    runner.run(
        List.of("rowSquaredDistances", a.rows(), a.cols()),
        kernel -> {
          FloatArray rows = kernel.input("a", a.size());
          FloatArray middle = kernel.input("center", a.cols());
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().rows("rowSquaredDistances", a.rows()),
                  RowKernels::rowSquaredDistances,
                  kernel.context(),
                  control,
                  rows,
                  middle,
                  result,
                  a.cols(),
                  a.rows(),
                  StepControl.ALWAYS);
        },
        List.of(a.segment(), center.segment()),
        List.of(out.segment()));
  }

  public void normalizeRows(Matrix w, float epsilon) {
    runner.run(
        List.of("normalizeRows", w.rows(), w.cols()),
        kernel -> {
          FloatArray weights = kernel.updated("w", w.size());
          FloatArray constants = kernel.input("epsilon", 1);
          IntArray control = kernel.control(w.rows(), w.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().rows("normalizeRows", w.rows()),
                  RowKernels::normalizeRows,
                  kernel.context(),
                  control,
                  weights,
                  constants,
                  w.cols(),
                  StepControl.ROWS,
                  StepControl.ALWAYS);
        },
        List.of(w.segment(), CompiledKernel.scalar(epsilon)),
        List.of(w.segment()));
  }

  public void projectRows(Matrix gradient, Matrix w, float epsilon) {
    expect("w", w, gradient.rows(), gradient.cols());
    boolean scaled = epsilon > 0;
    runner.run(
        List.of("projectRows", w.rows(), w.cols(), scaled),
        kernel -> {
          FloatArray target = kernel.updated("gradient", gradient.size());
          FloatArray weights = kernel.input("w", w.size());
          FloatArray constants = kernel.input("epsilon", 1);
          IntArray control = kernel.control(w.rows(), w.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().rows("projectRows", w.rows()),
                  RowKernels::projectRows,
                  kernel.context(),
                  control,
                  target,
                  weights,
                  constants,
                  w.cols(),
                  StepControl.ROWS,
                  scaled ? 1 : 0);
        },
        List.of(gradient.segment(), w.segment(), CompiledKernel.scalar(epsilon)),
        List.of(gradient.segment()));
  }
}
