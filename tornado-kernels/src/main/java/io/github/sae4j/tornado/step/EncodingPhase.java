package io.github.sae4j.tornado.step;

import io.github.sae4j.tornado.graph.EncodeTasks;
import io.github.sae4j.tornado.kernels.ElementKernels;
import io.github.sae4j.tornado.kernels.SelectionKernels;
import io.github.sae4j.tornado.kernels.StepControl;

/** The codes of the main term, and of the Multi-TopK term, which shares its pre-activations. */
final class EncodingPhase {
  private final StepGraph step;
  private final StepArrays a;

  EncodingPhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    if (step.spec.scales()) {
      step.tasks.task(
          step.graph.line("scale", (long) a.rows * a.d),
          ElementKernels::scale,
          step.context,
          a.control,
          a.x,
          a.inputFactor,
          a.x,
          a.d,
          a.rows,
          StepControl.ALWAYS);
    }
    if (step.spec.step().forward().subtractBDec()) {
      step.tasks.task(
          step.graph.line("subtractRow", (long) a.rows * a.d),
          ElementKernels::subtractRow,
          step.context,
          a.control,
          a.normalized == null ? a.x : a.normalized,
          a.bDec,
          a.input,
          a.d);
    }
    if (a.norms != null) {
      step.rowDots(a.wDec, a.norms, a.n, StepControl.LATENTS, a.d, 1, StepControl.ALWAYS);
    }
    int mode = SelectionKernels.mode(step.spec.relu());
    EncodeTasks.Choice main = StepGraph.choice(a.codes, a.badIndex, a.badValue, mode);
    EncodeTasks.Encoder encoder = step.encoder(null, StepControl.LATENTS);
    if (step.multi) {
      EncodeTasks.add(
          step.graph, encoder, main, StepGraph.choice(a.multiCodes, a.badIndex, a.badValue, mode));
    } else {
      EncodeTasks.add(step.graph, encoder, main);
    }
    step.firstBadRow(a.badIndex, StepControl.BAD_ROW, StepControl.ALWAYS);
  }
}
