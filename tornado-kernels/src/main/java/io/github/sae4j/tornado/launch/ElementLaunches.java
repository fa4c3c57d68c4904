package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's elementwise kernels, one at a time ({@link ElementKernels}). */
public final class ElementLaunches {
  private final KernelRunner runner;

  public ElementLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void subtractRow(Matrix a, Matrix row, Matrix out) {
    expect("row", row, 1, a.cols());
    expect("out", out, a.rows(), a.cols());
    runner.run(
        List.of("subtractRow", a.rows(), a.cols()),
        kernel -> {
          FloatArray rows = kernel.input("a", a.size());
          FloatArray subtrahend = kernel.input("row", a.cols());
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("subtractRow", a.size()),
                  ElementKernels::subtractRow,
                  kernel.context(),
                  control,
                  rows,
                  subtrahend,
                  result,
                  a.cols());
        },
        List.of(a.segment(), row.segment()),
        List.of(out.segment()));
  }

  public void subtract(Matrix a, Matrix b, Matrix out) {
    expect("b", b, a.rows(), a.cols());
    expect("out", out, a.rows(), a.cols());
    runner.run(
        List.of("subtract", a.rows(), a.cols()),
        kernel -> {
          FloatArray left = kernel.input("a", a.size());
          FloatArray right = kernel.input("b", b.size());
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("subtract", a.size()),
                  ElementKernels::subtract,
                  kernel.context(),
                  control,
                  left,
                  right,
                  result,
                  a.cols());
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }

  public void add(Matrix target, Matrix addend) {
    expect("addend", addend, target.rows(), target.cols());
    runner.run(
        List.of("add", target.rows(), target.cols()),
        kernel -> {
          FloatArray left = kernel.updated("target", target.size());
          FloatArray right = kernel.input("addend", addend.size());
          IntArray control = kernel.control(target.rows(), target.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("add", target.size()),
                  ElementKernels::add,
                  kernel.context(),
                  control,
                  left,
                  right,
                  target.cols(),
                  StepControl.ALWAYS);
        },
        List.of(target.segment(), addend.segment()),
        List.of(target.segment()));
  }

  public void scale(Matrix a, float factor) {
    runner.run(
        List.of("scale", a.rows(), a.cols()),
        kernel -> {
          FloatArray values = kernel.updated("a", a.size());
          FloatArray factors = kernel.input("factor", 1);
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("scale", a.size()),
                  ElementKernels::scale,
                  kernel.context(),
                  control,
                  values,
                  factors,
                  values,
                  a.cols(),
                  Math.max(1, a.rows()),
                  StepControl.ALWAYS);
        },
        List.of(a.segment(), CompiledKernel.scalar(factor)),
        List.of(a.segment()));
  }

  public void scaleRows(Matrix a, Matrix factors, Matrix shifts) {
    expect("factors", factors, 1, a.rows());
    if (shifts != null) {
      expect("shifts", shifts, 1, a.rows());
    }
    boolean shifted = shifts != null;
    runner.run(
        List.of("scaleRows", a.rows(), a.cols(), shifted),
        kernel -> {
          FloatArray values = kernel.updated("a", a.size());
          FloatArray scales = kernel.input("factors", a.rows());
          FloatArray added = shifted ? kernel.input("shifts", a.rows()) : scales;
          IntArray control = kernel.control(a.rows(), a.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("scaleRows", a.size()),
                  ElementKernels::scaleRows,
                  kernel.context(),
                  control,
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
