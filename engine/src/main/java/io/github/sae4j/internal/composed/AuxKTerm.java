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
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * AuxK: q = ê + e, h = q · factor, factor = 2 weight scale/(N M), N the normaliser. With an
 * attached residual g ← g + h. Its codes are numbered by dead latent: index j stands for latent
 * dead[j]. Idle while no latent is dead. With levels of a Matryoshka SAE there is one of these for
 * each level: of its dead latents, for the residual of the reconstruction up to it.
 */
final class AuxKTerm implements ComposedTerm {
  private final AuxK term;
  private final Pass pass;
  private final ReconstructionTerm main;
  private final Supplier<Matrix> residual;
  private final int from;
  private final int to;
  private int[] dead = {};
  private Activation activation;
  private SparseCodes codes;
  private Matrix decoder;
  private Matrix gradient;

  AuxKTerm(AuxK term, Pass pass, ReconstructionTerm main) {
    this(term, pass, main, main::error, 0, pass.state.dSae());
  }

  /**
   * AuxK of the dead latents in [from, to).
   *
   * @param residual e, {@code [rows, d_out]}, once it is formed
   */
  AuxKTerm(
      AuxK term, Pass pass, ReconstructionTerm main, Supplier<Matrix> residual, int from, int to) {
    this.term = term;
    this.pass = pass;
    this.main = main;
    this.residual = residual;
    this.from = from;
    this.to = to;
  }

  private boolean idle() {
    return dead.length == 0;
  }

  @Override
  public void forward() {
    dead = Arrays.stream(pass.dead).filter(latent -> latent >= from && latent < to).toArray();
    if (idle()) {
      return;
    }
    TrainingState state = pass.state;
    decoder = gather(state.wDec());
    activation = term.activation(dead.length);
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
    Matrix error = micro.of(residual.get());
    double divisor =
        term.divisor(
            micro.rows(), micro.totalVariance(), () -> Pass.sum(pass.centeredSquares(error)));
    device.add(q, error);
    double squares = Pass.sum(pass.rowSquares(q));
    double scale = term.scale(dead.length);
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
    Matrix some = pass.scratch.matrix(dead.length, all.cols());
    for (int j = 0; j < some.rows(); j++) {
      MemorySegment.copy(
          all.segment(),
          all.rowOffset(dead[j]),
          some.segment(),
          some.rowOffset(j),
          4L * all.cols());
    }
    return some;
  }

  private Matrix gatherVector(Matrix all) {
    Matrix some = pass.scratch.vector(dead.length);
    for (int j = 0; j < some.cols(); j++) {
      some.set(0, j, all.get(0, dead[j]));
    }
    return some;
  }
}
