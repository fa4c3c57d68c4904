package io.github.sae4j.tornado.step;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.graph.TransposeTasks;
import io.github.sae4j.tornado.kernels.CodeKernels;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;
import io.github.sae4j.tornado.kernels.Strips;
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
    reconstruct(a.codes, a.error);
    if (step.multi) {
      reconstruct(a.multiCodes, a.multiError);
    }
    if (step.aux) {
      Relu relu = step.spec.aux().relu() ? Relu.BEFORE : Relu.NONE;
      EncodeTasks.add(
          step.graph,
          step.encoder(a.deadList, StepControl.DEAD),
          StepGraph.choice(a.auxCodes, a.auxBadIndex, a.auxBadValue, SelectionKernels.mode(relu)));
      step.firstBadRow(a.auxBadIndex, StepControl.AUX_BAD_ROW, StepControl.DEAD);
      int biased = step.spec.aux().bDec() == AuxK.BDec.INCLUDED ? CodeKernels.BIASED : 0;
      decode(a.auxCodes, a.error, a.auxError, biased | CodeKernels.MORE, StepControl.DEAD);
    }
  }

  /** The reconstruction of main codes minus the batch. */
  private void reconstruct(TransposeTasks.Codes codes, FloatArray error) {
    boolean normalizes = a.normalized != null;
    int less = normalizes ? 0 : CodeKernels.LESS;
    decode(codes, a.x, error, CodeKernels.BIASED | less, StepControl.ALWAYS);
    if (normalizes) {
      step.scaleRows(error, 1);
      step.tasks.task(
          step.graph.line("subtract", (long) a.rows * a.d),
          ElementKernels::subtract,
          step.context,
          a.control,
          error,
          a.x,
          error,
          a.d);
    }
  }

  private void decode(
      TransposeTasks.Codes codes, FloatArray other, FloatArray out, int flags, int gate) {
    step.tasks.task(
        step.graph.strips("decode", a.rows, a.d),
        CodeKernels::decode,
        step.context,
        a.control,
        a.control,
        codes.indices(),
        codes.values(),
        a.wDec,
        a.bDec,
        other,
        out,
        a.d,
        codes.capacity(),
        codes.slot(),
        Strips.columns(a.d),
        flags,
        gate);
  }
}
