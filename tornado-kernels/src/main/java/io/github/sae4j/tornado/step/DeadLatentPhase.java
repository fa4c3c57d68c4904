package io.github.sae4j.tornado.step;

import io.github.sae4j.step.DeadLatentRule.Counting;
import io.github.sae4j.step.DeadLatentRule.Fired;
import io.github.sae4j.tornado.kernels.DeadLatentKernels;
import io.github.sae4j.tornado.kernels.StepControl;

/** Who fired, who is dead, and the list of the dead. */
final class DeadLatentPhase {
  private final StepGraph step;
  private final StepArrays a;

  DeadLatentPhase(StepGraph step) {
    this.step = step;
    this.a = step.arrays;
  }

  void addTasks() {
    step.tasks
        .task(step.graph.line("clear", a.n), DeadLatentKernels::clear, step.context, a.fired, a.n)
        .task(
            step.graph.line("markFired", a.rows),
            DeadLatentKernels::markFired,
            step.context,
            a.control,
            a.codes.indices(),
            a.codes.values(),
            a.norms == null ? a.codes.values() : a.norms,
            a.fired,
            a.rowActive,
            a.k,
            StepControl.K,
            a.norms == null ? 0 : 1,
            switch (step.spec.deadLatents().fired()) {
              case POSITIVE -> DeadLatentKernels.POSITIVE;
              case SELECTED -> DeadLatentKernels.SELECTED;
              case ABOVE_THRESHOLD -> DeadLatentKernels.ABOVE_THRESHOLD;
              case ABOVE_SMALL_THRESHOLD -> throw new AssertionError("no task graph counts so");
            });
    if (step.multi && step.spec.deadLatents().fired() == Fired.SELECTED) {
      step.tasks.task(
          step.graph.line("markSelected", a.rows),
          DeadLatentKernels::markSelected,
          step.context,
          a.control,
          a.multiCodes.indices(),
          a.fired,
          a.multiK,
          StepControl.MULTI_K);
    }
    Counting counting = step.spec.deadLatents().counting();
    boolean tokens = counting.unit() == Counting.Unit.TOKENS;
    step.tasks
        .task(
            step.graph.line("countDead", a.n),
            DeadLatentKernels::countDead,
            step.context,
            a.control,
            a.fired,
            a.sinceFired,
            a.counting,
            a.dead,
            a.n,
            tokens ? 1 : 0,
            counting.afterStep() ? 1 : 0)
        .task(
            step.graph.groups("listDead", 1, DeadLatentKernels.SCAN),
            DeadLatentKernels::listDead,
            step.context,
            a.control,
            a.dead,
            a.deadList,
            a.n,
            a.auxK);
  }
}
