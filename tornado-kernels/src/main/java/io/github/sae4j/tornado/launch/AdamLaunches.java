package io.github.sae4j.tornado.launch;

import static io.github.sae4j.kernels.Shapes.expect;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.tornado.graph.CompiledKernel;
import io.github.sae4j.tornado.graph.KernelRunner;
import io.github.sae4j.tornado.kernels.AdamKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The device's optimizer updates, one tensor at a time ({@link AdamKernels}). */
public final class AdamLaunches {
  private final KernelRunner runner;

  public AdamLaunches(KernelRunner runner) {
    this.runner = runner;
  }

  public void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam) {
    expect("gradient", gradient, weights.rows(), weights.cols());
    expect("m", m, weights.rows(), weights.cols());
    expect("v", v, weights.rows(), weights.cols());
    float[] constants = AdamKernels.constants(adam);
    runner.run(
        List.of("adam", weights.size(), adam.clipped()),
        kernel -> {
          FloatArray w = kernel.updated("weights", weights.size());
          FloatArray first = kernel.updated("m", m.size());
          FloatArray second = kernel.updated("v", v.size());
          FloatArray g = kernel.input("gradient", gradient.size());
          FloatArray numbers = kernel.input("constants", constants.length);
          FloatArray clip = kernel.input("clip", 1);
          IntArray control = kernel.control(weights.rows(), weights.cols(), 0);
          kernel.send();
          kernel
              .tasks()
              .task(
                  kernel.graph().line("adam", weights.size()),
                  AdamKernels::adam,
                  kernel.context(),
                  control,
                  w,
                  g,
                  first,
                  second,
                  numbers,
                  clip,
                  (int) weights.size(),
                  adam.clipped() ? 1 : 0,
                  StepControl.ALWAYS);
        },
        List.of(
            weights.segment(),
            m.segment(),
            v.segment(),
            gradient.segment(),
            MemorySegment.ofArray(constants),
            CompiledKernel.scalar(adam.clip())),
        List.of(weights.segment(), m.segment(), v.segment()));
  }
}
