package io.github.sae4j.tornado;

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
          a.flow,
          a.gWDec,
          a.wDec,
          a.projectEpsilon,
          a.d,
          Flow.LATENTS,
          step.spec.decoderNorm().projectEpsilon() > 0 ? 1 : 0);
    }
    if (a.squaredNorm != null) {
      int blocks = ColumnKernels.blocks(a.n);
      step.rowDots(a.gWEnc, a.latentSquares, a.n, Flow.LATENTS, a.d, 0, Flow.ALWAYS);
      step.blockSums(a.latentSquares, a.encoderBlocks, Flow.LATENTS, a.n, blocks, 1, Flow.ALWAYS);
      step.rowDots(a.gWDec, a.latentSquares, a.n, Flow.LATENTS, a.d, 0, Flow.ALWAYS);
      step.blockSums(a.latentSquares, a.decoderBlocks, Flow.LATENTS, a.n, blocks, 1, Flow.ALWAYS);
      // The biases are one row each.
      step.rowDots(a.gBEnc, a.bEncSquares, 1, Flow.ALWAYS, a.n, 0, Flow.ALWAYS);
      step.rowDots(a.gBDec, a.bDecSquares, 1, Flow.ALWAYS, a.d, 0, Flow.ALWAYS);
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
        a.flow,
        weights,
        gradient,
        m,
        v,
        a.adam,
        a.clip,
        weights.getSize(),
        a.squaredNorm == null ? 0 : 1,
        Flow.GOOD);
  }
}
