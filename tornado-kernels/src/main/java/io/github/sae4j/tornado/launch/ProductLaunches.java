package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.graph.ProductTasks;
import io.github.sae4j.tornado.kernels.StepControl;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's dense product, one kernel at a time ({@link ProductTasks}). */
public final class ProductLaunches {
  private final KernelRunner runner;

  public ProductLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    int m = transposeA ? a.cols() : a.rows();
    int inner = transposeA ? a.rows() : a.cols();
    int q = transposeB ? b.rows() : b.cols();
    expect(inner == (transposeB ? b.cols() : b.rows()), "b", "inner size " + inner, b.shape());
    expect("out", out, m, q);
    if (m == 0 || q == 0) {
      runner.checkOpen();
      return;
    }
    runner.run(
        List.of("product", m, inner, q, transposeA, transposeB),
        kernel -> {
          FloatArray left = kernel.input("a", a.size());
          FloatArray right = kernel.input("b", b.size());
          FloatArray result = kernel.output("out", out.size());
          IntArray control = kernel.control(m, q, 0);
          kernel.send();
          new ProductTasks(
                  control,
                  left,
                  right,
                  right,
                  control,
                  right,
                  result,
                  // No maxima; not the result itself, or TornadoVM 5.2.0 loops for ever.
                  right,
                  inner,
                  transposeA ? 1 : inner,
                  transposeA ? m : 1,
                  transposeB ? 1 : q,
                  transposeB ? inner : 1,
                  StepControl.LATENTS,
                  0)
              .add(kernel.graph(), 0, m, q);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }
}
