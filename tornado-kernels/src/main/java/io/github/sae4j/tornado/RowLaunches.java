package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's kernels that need a sum along a row, one at a time ({@link RowKernels}). */
final class RowLaunches {
  private final TornadoDevice device;

  RowLaunches(TornadoDevice device) {
    this.device = device;
  }

  void rowDots(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    rowSums(a, b, out, false);
  }

  void rowNorms(Matrix a, Matrix out) {
    rowSums(a, a, out, true);
  }

  private void rowSums(Matrix a, Matrix b, Matrix out, boolean root) {
    expect("out", out, 1, a.rows());
    device.run(
        List.of("rowDots", a.rows(), a.cols(), root),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("rowDots", a.rows()),
                  RowKernels::rowDots,
                  launch.context(),
                  flow,
                  left,
                  right,
                  result,
                  a.cols(),
                  Flow.ROWS,
                  root ? 1 : 0,
                  Flow.ALWAYS);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  void rowSquaredDistances(Matrix a, Matrix center, Matrix out) {
    expect("center", center, 1, a.cols());
    expect("out", out, 1, a.rows());
    device.run(
        List.of("rowSquaredDistances", a.rows(), a.cols()),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray middle = launch.input("center", a.cols());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("rowSquaredDistances", a.rows()),
                  RowKernels::rowSquaredDistances,
                  launch.context(),
                  flow,
                  rows,
                  middle,
                  result,
                  a.cols(),
                  a.rows(),
                  Flow.ALWAYS);
        },
        List.of(a.segment(), center.segment()),
        List.of(out.segment()));
  }

  void normalizeRows(Matrix w, float epsilon) {
    device.run(
        List.of("normalizeRows", w.rows(), w.cols()),
        launch -> {
          FloatArray weights = launch.updated("w", w.size());
          FloatArray constants = launch.input("epsilon", 1);
          IntArray flow = launch.flow(w.rows(), w.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("normalizeRows", w.rows()),
                  RowKernels::normalizeRows,
                  launch.context(),
                  flow,
                  weights,
                  constants,
                  w.cols(),
                  Flow.ROWS,
                  Flow.ALWAYS);
        },
        List.of(w.segment(), Launch.scalar(epsilon)),
        List.of(w.segment()));
  }

  void projectRows(Matrix gradient, Matrix w, float epsilon) {
    expect("w", w, gradient.rows(), gradient.cols());
    boolean scaled = epsilon > 0;
    device.run(
        List.of("projectRows", w.rows(), w.cols(), scaled),
        launch -> {
          FloatArray target = launch.updated("gradient", gradient.size());
          FloatArray weights = launch.input("w", w.size());
          FloatArray constants = launch.input("epsilon", 1);
          IntArray flow = launch.flow(w.rows(), w.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().rows("projectRows", w.rows()),
                  RowKernels::projectRows,
                  launch.context(),
                  flow,
                  target,
                  weights,
                  constants,
                  w.cols(),
                  Flow.ROWS,
                  scaled ? 1 : 0);
        },
        List.of(gradient.segment(), w.segment(), Launch.scalar(epsilon)),
        List.of(gradient.segment()));
  }
}
