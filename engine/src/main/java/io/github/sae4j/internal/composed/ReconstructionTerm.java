package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;

/**
 * The main term: e = x̂ − x; g = e · factor in one rounding, factor = 2/(divisor M) with M the
 * number of micro-batches. With input normalisation g is then multiplied by the row's output scale.
 *
 * <p>With a skip connection x W_skipᵀ, one chain over d_in per element, is added to x̂ after b_dec;
 * its gradient gᵀ x is one chain over ascending samples per element. Other terms are without it.
 */
final class ReconstructionTerm implements ComposedTerm {
  private final Reconstruction term;
  private final Pass pass;
  private Matrix out;
  private Matrix error;
  private Matrix gradient;
  private MatryoshkaTerm nested;

  ReconstructionTerm(Reconstruction term, Pass pass) {
    this.term = term;
    this.pass = pass;
  }

  @Override
  public void forward() {
    out = pass.decode(pass.codes);
    Matrix wSkip = pass.state.wSkip();
    if (wSkip != null) {
      Matrix skipped = pass.scratch.matrix(pass.rows(), out.cols());
      pass.device.product(pass.x, false, wSkip, true, skipped);
      pass.device.add(out, skipped);
    }
    error = pass.scratch.matrix(pass.rows(), out.cols());
    pass.device.subtract(out, pass.target, error);
    gradient = pass.scratch.matrix(pass.rows(), out.cols());
    gradient.copyFrom(error);
  }

  /** Leaves the backward pass to the term that reconstructs from prefixes of the same codes. */
  void nest(MatryoshkaTerm prefixes) {
    nested = prefixes;
  }

  /** e, {@code [rows, d_out]}. */
  Matrix error() {
    return error;
  }

  /** g, {@code [rows, d_out]}; other terms may add to it before {@link #backward}. */
  Matrix gradient() {
    return gradient;
  }

  @Override
  public boolean needsVariance() {
    return term.needsVariance();
  }

  @Override
  public double loss(MicroBatch micro) {
    double divisor = term.divisor(micro.rows(), error.cols(), micro.totalVariance());
    pass.device.scale(micro.of(gradient), StepSums.factor(2, divisor, micro.count()));
    return StepSums.ratio(Pass.sum(pass.rowSquares(micro.of(error))), divisor);
  }

  @Override
  public void backward(Gradients total) {
    pass.throughNormalization(gradient);
    if (nested != null) {
      nested.backward(gradient, total);
      return;
    }
    pass.gradients(
        pass.codes, gradient, pass.state.wDec(), pass.spec.forward().activation(), total);
    if (pass.state.wSkip() != null) {
      pass.device.product(gradient, true, pass.x, false, total.of(TrainingState.W_SKIP));
    }
  }

  @Override
  public Observation.TermView view() {
    return new Observation.TermView(term, pass.codes, out);
  }
}
