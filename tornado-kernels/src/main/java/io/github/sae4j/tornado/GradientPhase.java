package io.github.sae4j.tornado;

import io.github.sae4j.objective.AuxK;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The gradients of weights and biases, term by term. */
final class GradientPhase {
  private final StepGraph step;
  private final StepArrays a;

  GradientPhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    term(a.codes, a.g, true, TransposeTasks.Target.written(a.flow), true);
    if (step.multi) {
      term(
          a.multiCodes,
          a.multiError,
          true,
          new TransposeTasks.Target(LatentKernels.ADDED, a.flow, Flow.ALWAYS),
          true);
    }
    if (step.aux) {
      term(
          a.auxCodes,
          a.auxError,
          step.spec.aux().relu(),
          new TransposeTasks.Target(LatentKernels.ADDED_WHERE_MARKED, a.dead, Flow.DEAD),
          step.spec.aux().bDec() != AuxK.BDec.EXCLUDED);
    }
    if (step.spec.step().forward().subtractBDec()) {
      step.tasks.task(
          step.graph.line("subtractVectorProduct", a.d),
          ProductKernels::subtractVectorProduct,
          step.context,
          a.gBEnc,
          a.wEnc,
          a.gBDec,
          a.n,
          a.d);
    }
  }

  /** The gradients of one term of the loss. */
  private void term(
      TransposeTasks.Codes codes,
      FloatArray gradient,
      boolean gated,
      TransposeTasks.Target target,
      boolean reachesBDec) {
    step.tasks.task(
        step.graph.rows("codeGradients", (long) a.rows * codes.capacity()),
        CodeKernels::codeGradients,
        step.context,
        a.flow,
        a.flow,
        gradient,
        a.wDec,
        codes.indices(),
        codes.values(),
        a.deltas,
        a.d,
        codes.capacity(),
        codes.slot(),
        gated ? 1 : 0);
    a.transposition.transpose(step.graph, a.flow, codes);
    a.transposition.accumulate(
        step.graph, a.flow, codes, codes.values(), gradient, a.gWDec, a.d, target);
    a.transposition.accumulate(step.graph, a.flow, codes, a.deltas, a.input, a.gWEnc, a.d, target);
    a.transposition.sum(step.graph, a.flow, a.deltas, a.gBEnc, target);
    if (reachesBDec) {
      step.tasks
          .task(
              step.graph.line("columnBlocks", (long) ColumnKernels.blocks(a.rows) * a.d),
              ColumnKernels::columnBlocks,
              step.context,
              a.flow,
              gradient,
              a.blockSums,
              a.d,
              target.gate())
          .task(
              step.graph.line("columnSums", a.d),
              ColumnKernels::columnSums,
              step.context,
              a.flow,
              a.blockSums,
              a.gBDec,
              a.d,
              target.added() == LatentKernels.WRITTEN ? 0 : 1,
              target.gate());
    }
  }
}
