package io.github.sae4j.tornado.step;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.CodeKernels;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The errors of every term: reconstructions minus the batch. */
final class ReconstructionPhase {
  private final StepGraph step;
  private final StepArrays a;

  ReconstructionPhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    decode(a.codes, a.error, true, StepControl.ALWAYS);
    undoNormalization(a.error);
    subtractX(a.error);
    if (step.multi) {
      decode(a.multiCodes, a.multiError, true, StepControl.ALWAYS);
      undoNormalization(a.multiError);
      subtractX(a.multiError);
    }
    if (step.aux) {
      Relu relu = step.spec.aux().relu() ? Relu.BEFORE : Relu.NONE;
      EncodeTasks.add(
          step.graph,
          step.encoder(a.deadList, StepControl.DEAD),
          StepGraph.choice(a.auxCodes, a.auxBadIndex, a.auxBadValue, SelectionKernels.mode(relu)));
      step.firstBadRow(a.auxBadIndex, StepControl.AUX_BAD_ROW, StepControl.DEAD);
      decode(
          a.auxCodes, a.auxError, step.spec.aux().bDec() == AuxK.BDec.INCLUDED, StepControl.DEAD);
      step.add(a.auxError, a.error);
    }
  }

  private void decode(TransposeTasks.Codes codes, FloatArray out, boolean biased, int gate) {
    step.tasks.task(
        step.graph.line("decode", (long) a.rows * a.d),
        CodeKernels::decode,
        step.context,
        a.control,
        a.control,
        codes.indices(),
        codes.values(),
        a.wDec,
        a.bDec,
        out,
        a.d,
        codes.capacity(),
        codes.slot(),
        biased ? 1 : 0,
        gate);
  }

  private void undoNormalization(FloatArray out) {
    if (a.normalized != null) {
      step.scaleRows(out, 1);
    }
  }

  private void subtractX(FloatArray out) {
    step.tasks.task(
        step.graph.line("subtract", (long) a.rows * a.d),
        ElementKernels::subtract,
        step.context,
        a.control,
        out,
        a.x,
        out,
        a.d);
  }
}
