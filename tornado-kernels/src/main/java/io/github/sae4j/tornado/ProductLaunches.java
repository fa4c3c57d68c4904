package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.memory.Matrix;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's dense product, one kernel at a time ({@link ProductKernels}). */
final class ProductLaunches {
  private final TornadoDevice device;

  ProductLaunches(TornadoDevice device) {
    this.device = device;
  }

  void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    int m = transposeA ? a.cols() : a.rows();
    int inner = transposeA ? a.rows() : a.cols();
    int q = transposeB ? b.rows() : b.cols();
    expect(inner == (transposeB ? b.cols() : b.rows()), "b", "inner size " + inner, b.shape());
    expect("out", out, m, q);
    if (m == 0 || q == 0) {
      device.checkOpen();
      return;
    }
    device.run(
        List.of("product", m, inner, q, transposeA, transposeB),
        launch -> {
          FloatArray left = launch.input("a", a.size());
          FloatArray right = launch.input("b", b.size());
          FloatArray result = launch.output("out", out.size());
          IntArray flow = launch.flow(m, q, 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().tiles("product", m, q),
                  ProductKernels::product,
                  launch.context(),
                  flow,
                  left,
                  right,
                  right,
                  flow,
                  result,
                  inner,
                  0,
                  m,
                  transposeA ? 1 : inner,
                  transposeA ? m : 1,
                  transposeB ? 1 : q,
                  transposeB ? inner : 1,
                  q,
                  Flow.LATENTS,
                  0,
                  0);
        },
        List.of(a.segment(), b.segment()),
        List.of(out.segment()));
  }
}
