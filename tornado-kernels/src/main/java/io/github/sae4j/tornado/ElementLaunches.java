package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's elementwise kernels, one at a time ({@link ElementKernels}). */
final class ElementLaunches {
  private final TornadoDevice device;

  ElementLaunches(TornadoDevice device) {
    this.device = device;
  }

  void subtractRow(Matrix a, Matrix row, Matrix out) {
    expect("row", row, 1, a.cols());
    expect("out", out, a.rows(), a.cols());
    device.run(
        List.of("subtractRow", a.rows(), a.cols()),
        launch -> {
          FloatArray rows = launch.input("a", a.size());
          FloatArray subtrahend = launch.input("row", a.cols());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("subtractRow", a.size()),
                  ElementKernels::subtractRow,
                  launch.context(),
                  flow,
                  rows,
                  subtrahend,
                  result,
                  a.cols());
        },
        List.of(a.segment(), row.segment()),
        List.of(out.segment()));
  }

  void subtract(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    expect("out", out, a.rows(), a.cols());
    device.run(
        List.of("subtract", a.rows(), a.cols()),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("subtract", a.size()),
                  ElementKernels::subtract,
                  launch.context(),
                  flow,
                  left,
                  right,
                  result,
                  a.cols());
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  void add(Matrix target, Matrix addend) {
    expect("addend", addend, target.rows(), target.cols());
    device.run(
        List.of("add", target.rows(), target.cols()),
        launch -> {
          FloatArray left = launch.updated("target", target.size());
          FloatArray right = launch.input("addend", addend.size());
          IntArray flow = launch.flow(target.rows(), target.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("add", target.size()),
                  ElementKernels::add,
                  launch.context(),
                  flow,
                  left,
                  right,
                  target.cols(),
                  Flow.ALWAYS);
        },
        List.of(target.segment(), addend.segment()),
        List.of(target.segment()));
  }

  void scale(Matrix a, float factor) {
    device.run(
        List.of("scale", a.rows(), a.cols()),
        launch -> {
          FloatArray values = launch.updated("a", a.size());
          FloatArray factors = launch.input("factor", 1);
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("scale", a.size()),
                  ElementKernels::scale,
                  launch.context(),
                  flow,
                  values,
                  factors,
                  values,
                  a.cols(),
                  Math.max(1, a.rows()),
                  Flow.ALWAYS);
        },
        List.of(a.segment(), Launch.scalar(factor)),
        List.of(a.segment()));
  }

  void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    expect("factors", factors, 1, a.rows());
    if (shifts != null) {
      expect("shifts", shifts, 1, a.rows());
    }
    boolean shifted = shifts != null;
    device.run(
        List.of("scaleRows", a.rows(), a.cols(), shifted),
        launch -> {
          FloatArray values = launch.updated("a", a.size());
          FloatArray scales = launch.input("factors", a.rows());
          FloatArray added = shifted ? launch.input("shifts", a.rows()) : scales;
          IntArray flow = launch.flow(a.rows(), a.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("scaleRows", a.size()),
                  ElementKernels::scaleRows,
                  launch.context(),
                  flow,
                  values,
                  scales,
                  added,
                  a.cols(),
                  shifted ? 1 : 0);
        },
        shifted
            ? List.of(a.segment(), factors.segment(), shifts.segment())
            : List.of(a.segment(), factors.segment()),
        List.of(a.segment()));
  }
}
