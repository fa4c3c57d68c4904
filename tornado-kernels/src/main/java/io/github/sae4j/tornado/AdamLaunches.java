package io.github.sae4j.tornado;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's optimizer updates, one tensor at a time ({@link AdamKernels}). */
final class AdamLaunches {
  private final TornadoDevice device;

  AdamLaunches(TornadoDevice device) {
    this.device = device;
  }

  void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    expect("gradient", gradient, weights.rows(), weights.cols());
    expect("m", m, weights.rows(), weights.cols());
    expect("v", v, weights.rows(), weights.cols());
    float[] constants = AdamKernels.constants(adam);
    device.run(
        List.of("adam", weights.size(), adam.clipped()),
        launch -> {
          FloatArray w = launch.updated("weights", weights.size());
          FloatArray first = launch.updated("m", m.size());
          FloatArray second = launch.updated("v", v.size());
          FloatArray g = launch.input("gradient", gradient.size());
          FloatArray numbers = launch.input("constants", constants.length);
          FloatArray clip = launch.input("clip", 1);
          IntArray flow = launch.flow(weights.rows(), weights.cols(), 0);
          launch.send();
          launch
              .tasks()
              .task(
                  launch.graph().line("adam", weights.size()),
                  AdamKernels::adam,
                  launch.context(),
                  flow,
                  w,
                  g,
                  first,
                  second,
                  numbers,
                  clip,
                  (int) weights.size(),
                  adam.clipped() ? 1 : 0,
                  Flow.ALWAYS);
        },
        List.of(
            weights.segment(),
            m.segment(),
            v.segment(),
            gradient.segment(),
            MemorySegment.ofArray(constants),
            Launch.scalar(adam.clip())),
        List.of(weights.segment(), m.segment(), v.segment()));
  }
}
