package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import java.lang.foreign.MemorySegment;

/**
 * AuxK: q = ê + e, h = q · factor, factor = 2 weight scale/(N M), N the normaliser. With an
 * attached residual g ← g + h. Its codes are numbered by dead latent: index j stands for latent
 * dead[j]. Idle while no latent is dead.
 */
final class AuxKTerm implements ComposedTerm {
  private final AuxK term;
  private final Pass pass;
  private final ReconstructionTerm main;
  private Activation activation;
  private SparseCodes codes;
  private Matrix decoder;
  private Matrix gradient;

  AuxKTerm(AuxK term, Pass pass, ReconstructionTerm main) {
    this.term = term;
    this.pass = pass;
    this.main = main;
  }

  private boolean idle() {
    return pass.dead.length == 0;
  }

  @Override
  public void forward() {
    if (idle()) {
      return;
    }
    TrainingState state = pass.state;
    decoder = gather(state.wDec());
    activation = term.activation(pass.dead.length);
    Matrix norms = pass.norms == null ? null : gatherVector(pass.norms);
    codes =
        pass.encode(
            new EncoderWeights(gather(state.wEnc()), gatherVector(state.bEnc()), null, norms),
            activation);
    gradient = pass.scratch.matrix(pass.rows(), decoder.cols());
    boolean withBias = term.bDec() == AuxK.BDec.INCLUDED;
    pass.device.decode(codes, decoder, withBias ? state.bDec() : null, gradient);
  }

  @Override
  public boolean needsVariance() {
    return !idle() && term.needsVariance();
  }

  @Override
  public double loss(MicroBatch micro) {
    if (idle()) {
      return 0;
    }
    Kernels device = pass.device;
    Matrix q = micro.of(gradient);
    Matrix error = micro.of(main.error());
    double divisor =
        term.divisor(
            micro.rows(), micro.totalVariance(), () -> Pass.sum(pass.centeredSquares(error)));
    device.add(q, error);
    double squares = Pass.sum(pass.rowSquares(q));
    double scale = term.scale(pass.dead.length);
    device.scale(q, StepSums.factor(2 * term.weight() * scale, divisor, micro.count()));
    if (!term.residualDetached()) {
      device.add(micro.of(main.gradient()), q);
    }
    return scale * StepSums.ratio(squares, divisor);
  }

  @Override
  public void backward(Gradients total) {
    if (idle()) {
      return;
    }
    Kernels device = pass.device;
    int[] dead = pass.dead;
    Gradients own = Gradients.ofLatents(dead.length, pass.state, pass.scratch);
    pass.gradients(codes, gradient, decoder, activation, own);
    for (int j = 0; j < dead.length; j++) {
      device.add(total.wEnc().rows(dead[j], 1), own.wEnc().rows(j, 1));
      device.add(total.wDec().rows(dead[j], 1), own.wDec().rows(j, 1));
      float bias = total.bEnc().get(0, dead[j]) + own.bEnc().get(0, j);
      total.bEnc().set(0, dead[j], bias);
    }
    if (term.bDec() != AuxK.BDec.EXCLUDED) {
      device.add(total.bDec(), own.bDec());
    }
  }

  @Override
  public Observation.TermView view() {
    return idle() ? null : new Observation.TermView(term, codes, null);
  }

  private Matrix gather(Matrix all) {
    Matrix some = pass.scratch.matrix(pass.dead.length, all.cols());
    for (int j = 0; j < some.rows(); j++) {
      MemorySegment.copy(
          all.segment(),
          all.rowOffset(pass.dead[j]),
          some.segment(),
          some.rowOffset(j),
          4L * all.cols());
    }
    return some;
  }

  private Matrix gatherVector(Matrix all) {
    Matrix some = pass.scratch.vector(pass.dead.length);
    for (int j = 0; j < some.cols(); j++) {
      some.set(0, j, all.get(0, pass.dead[j]));
    }
    return some;
  }
}
