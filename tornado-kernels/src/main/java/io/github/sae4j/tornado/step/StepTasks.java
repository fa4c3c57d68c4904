package io.github.sae4j.tornado.step;

import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.kernels.RowKernels;
import io.github.sae4j.tornado.kernels.StepControl;

/**
 * Writes a training step down as tasks, in the order of {@code ComposedTrainingStep}, which defines
 * it. Where that class looks at a number on the host, tasks here look at {@link StepControl}:
 * kernels of the AuxK term do nothing while no latent is dead, and the state changes only while all
 * pre-activations are finite.
 */
final class StepTasks {
  private StepTasks() {}

  /**
   * Adds all tasks of a step.
   *
   * @param graph where
   * @param spec the step
   * @param arrays its arrays
   */
  static void add(KernelGraph graph, GraphSpec spec, StepArrays arrays) {
    StepGraph step = new StepGraph(graph, spec, arrays);
    normalizeDecoder(step, DecoderNormRule.When.BEFORE_FORWARD);
    new EncodingPhase(step).addTasks();
    new DeadLatentPhase(step).addTasks();
    new ReconstructionPhase(step).addTasks();
    new LossPhase(step).addTasks();
    new GradientPhase(step).addTasks();
    normalizeDecoder(step, DecoderNormRule.When.AFTER_BACKWARD);
    new UpdatePhase(step).addTasks();
    normalizeDecoder(step, DecoderNormRule.When.AFTER_STEP);
  }

  private static void normalizeDecoder(StepGraph step, DecoderNormRule.When when) {
    if (step.spec.decoderNorm().when() == when) {
      boolean before = when == DecoderNormRule.When.BEFORE_FORWARD;
      step.tasks.task(
          step.graph.rows("normalizeRows", step.arrays.n),
          RowKernels::normalizeRows,
          step.context,
          step.arrays.control,
          step.arrays.wDec,
          step.arrays.normEpsilon,
          step.arrays.d,
          StepControl.LATENTS,
          before ? StepControl.ALWAYS : StepControl.GOOD);
    }
  }
}
