package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingStep;
import java.util.function.Function;

/**
 * A step whose k falls: composed for as long as it does, which any number of codes fits, then the
 * device's own. Both update the state in place, and have the same bits.
 */
public final class AnnealedStep implements TrainingStep {
  private final StepSpec spec;
  private final Function<StepSpec, TrainingStep> compile;
  private TrainingStep current;
  private boolean annealed;

  /**
   * Begins with the composed step.
   *
   * @param spec a step that is annealed
   * @param composed the composed form of it
   * @param compile compiles the step that is left once k is reached
   */
  public AnnealedStep(
      StepSpec spec, TrainingStep composed, Function<StepSpec, TrainingStep> compile) {
    this.spec = spec;
    this.current = composed;
    this.compile = compile;
  }

  @Override
  public StepReport run(Matrix x, double learningRate, long number, boolean withVariance) {
    if (!annealed && spec.forward().annealing().orElseThrow().over(number)) {
      annealed = true;
      current.close();
      current = compile.apply(spec.annealed());
    }
    return current.run(x, learningRate, number, withVariance);
  }

  @Override
  public void synchronize() {
    current.synchronize();
  }

  @Override
  public void close() {
    current.close();
  }
}
