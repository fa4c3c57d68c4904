package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;

/**
 * Multi-TopK: the main term's formulas with more latents, g₄ with factor 2 weight/(V M), V the
 * total variance of the micro-batch.
 */
final class MultiTopKTerm implements ComposedTerm {
  private final MultiTopK term;
  private final Pass pass;
  private final Activation activation;
  private final SparseCodes codes;
  private Matrix out;
  private Matrix gradient;

  MultiTopKTerm(MultiTopK term, Pass pass) {
    this.term = term;
    this.pass = pass;
    Activation.Ranked main = (Activation.Ranked) pass.spec.forward().activation();
    this.activation = term.activation(main, pass.spec.shape().dSae());
    this.codes = pass.encode(activation);
  }

  @Override
  public void markSelected(boolean[] fired) {
    Firing.mark(codes, fired);
  }

  @Override
  public void forward() {
    out = pass.decode(codes);
    gradient = pass.scratch.matrix(pass.rows(), out.cols());
    pass.device.subtract(out, pass.target, gradient);
  }

  @Override
  public boolean needsVariance() {
    return term.needsVariance();
  }

  @Override
  public double loss(MicroBatch micro) {
    Matrix error = micro.of(gradient);
    double squares = Pass.sum(pass.rowSquares(error));
    float factor = StepSums.factor(2 * term.weight(), micro.totalVariance(), micro.count());
    pass.device.scale(error, factor);
    return StepSums.ratio(squares, micro.totalVariance());
  }

  @Override
  public void backward(Gradients total) {
    pass.throughNormalization(gradient);
    TrainingState state = pass.state;
    Kernels device = pass.device;
    Gradients own = Gradients.ofLatents(state.dSae(), state, pass.scratch);
    pass.gradients(codes, gradient, state.wDec(), activation, own);
    device.add(total.wEnc(), own.wEnc());
    device.add(total.wDec(), own.wDec());
    device.add(total.bEnc(), own.bEnc());
    device.add(total.bDec(), own.bDec());
  }

  @Override
  public Observation.TermView view() {
    return new Observation.TermView(term, codes, out);
  }
}
