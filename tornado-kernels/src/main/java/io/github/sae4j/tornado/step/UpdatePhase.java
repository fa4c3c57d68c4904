package io.github.sae4j.tornado.step;

import io.github.sae4j.tornado.kernels.AdamKernels;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.ScalarKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** From gradients to weights: projection, clipping, the optimizer. */
final class UpdatePhase {
  private final StepGraph step;
  private final StepArrays a;

  UpdatePhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    projectAndClip();
    update();
  }

  private void projectAndClip() {
    if (step.spec.decoderNorm().projectGradient()) {
      step.tasks.task(
          step.graph.rows("projectRows", a.n),
          RowKernels::projectRows,
          step.context,
          a.control,
          a.gWDec,
          a.wDec,
          a.projectEpsilon,
          a.d,
          StepControl.LATENTS,
          step.spec.decoderNorm().projectEpsilon() > 0 ? 1 : 0);
    }
    if (a.squaredNorm != null) {
      int blocks = ColumnKernels.blocks(a.n);
      step.rowDots(a.gWEnc, a.latentSquares, a.n, StepControl.LATENTS, a.d, 0, StepControl.ALWAYS);
      step.blockSums(
          a.latentSquares,
          a.encoderBlocks,
          StepControl.LATENTS,
          a.n,
          blocks,
          1,
          StepControl.ALWAYS);
      step.rowDots(a.gWDec, a.latentSquares, a.n, StepControl.LATENTS, a.d, 0, StepControl.ALWAYS);
      step.blockSums(
          a.latentSquares,
          a.decoderBlocks,
          StepControl.LATENTS,
          a.n,
          blocks,
          1,
          StepControl.ALWAYS);
      // The biases are one row each.
      squaredNorm(a.gBEnc, a.bEncSquares, a.n);
      squaredNorm(a.gBDec, a.bDecSquares, a.d);
      step.tasks.task(
          step.graph.line("clipCoefficient", 1),
          ScalarKernels::clipCoefficient,
          step.context,
          a.constants,
          a.encoderBlocks,
          a.decoderBlocks,
          a.bEncSquares,
          a.bDecSquares,
          a.squaredNorm,
          a.clip,
          blocks);
    }
  }

  private void squaredNorm(FloatArray row, FloatArray out, int size) {
    step.tasks.task(
        step.graph.groups("squaredNorm", 1, RowKernels.GROUP),
        RowKernels::squaredNorm,
        step.context,
        row,
        out,
        size);
  }

  private void update() {
    adam(a.wEnc, a.gWEnc, a.wEncM, a.wEncV);
    adam(a.wDec, a.gWDec, a.wDecM, a.wDecV);
    adam(a.bEnc, a.gBEnc, a.bEncM, a.bEncV);
    adam(a.bDec, a.gBDec, a.bDecM, a.bDecV);
  }

  private void adam(FloatArray weights, FloatArray gradient, FloatArray m, FloatArray v) {
    step.tasks.task(
        step.graph.line("adam", weights.getSize()),
        AdamKernels::adam,
        step.context,
        a.control,
        weights,
        gradient,
        m,
        v,
        a.adam,
        a.clip,
        weights.getSize(),
        a.squaredNorm == null ? 0 : 1,
        StepControl.GOOD);
  }
}
