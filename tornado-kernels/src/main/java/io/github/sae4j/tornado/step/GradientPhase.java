package io.github.sae4j.tornado.step;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.CodeKernels;
import io.github.sae4j.tornado.kernels.ColumnKernels;
import io.github.sae4j.tornado.kernels.LatentKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.kernels.VectorProductKernels;
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
    term(a.codes, a.g, true, TransposeTasks.Target.written(a.control), true);
    if (step.multi) {
      term(
          a.multiCodes,
          a.multiError,
          true,
          new TransposeTasks.Target(LatentKernels.ADDED, a.control, StepControl.ALWAYS),
          true);
    }
    if (step.aux) {
      term(
          a.auxCodes,
          a.auxError,
          step.spec.aux().relu(),
          new TransposeTasks.Target(LatentKernels.ADDED_WHERE_LISTED, a.deadList, StepControl.DEAD),
          step.spec.aux().bDec() != AuxK.BDec.EXCLUDED);
    }
    if (step.spec.step().forward().subtractBDec()) {
      step.tasks.task(
          step.graph.groups(
              "subtractVectorProduct",
              (a.d + VectorProductKernels.COLUMNS - 1) / VectorProductKernels.COLUMNS,
              VectorProductKernels.GROUP),
          VectorProductKernels::subtractVectorProduct,
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
        a.control,
        a.control,
        gradient,
        a.wDec,
        codes.indices(),
        codes.values(),
        a.deltas,
        a.d,
        codes.capacity(),
        codes.slot(),
        gated ? 1 : 0);
    a.transposition.transpose(step.graph, a.control, codes);
    a.transposition.accumulate(
        step.graph, a.control, codes, codes.values(), gradient, a.gWDec, a.d, target);
    a.transposition.accumulate(
        step.graph, a.control, codes, a.deltas, a.input, a.gWEnc, a.d, target);
    a.transposition.sum(step.graph, a.control, a.deltas, a.gBEnc, target);
    if (reachesBDec) {
      step.tasks
          .task(
              step.graph.line("columnBlocks", (long) ColumnKernels.blocks(a.rows) * a.d),
              ColumnKernels::columnBlocks,
              step.context,
              a.control,
              gradient,
              a.blockSums,
              a.d,
              target.gate())
          .task(
              step.graph.line("columnSums", a.d),
              ColumnKernels::columnSums,
              step.context,
              a.control,
              a.blockSums,
              a.gBDec,
              a.d,
              target.added() == LatentKernels.WRITTEN ? 0 : 1,
              target.gate());
    }
  }
}
