package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.Term;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DeadLatents;
import io.github.sae4j.step.StepSums;
import io.github.sae4j.step.TrainingState;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One column of a contrastive step, the rows or their positives, as sentence-transformers' CSR has
 * it: TopK codes; counters; the dead mask; AuxK and, a second time, Multi-TopK among the dead;
 * counters again. Factors have M = the number of columns, B rows:
 *
 * <ul>
 *   <li>main: e = x̂ − x, g = e · 2 / (B d M);
 *   <li>Multi-TopK among the dead: the same with its own reconstruction and weight;
 *   <li>AuxK: t = x − (x̂ − b_dec), q = ê − t with b_dec in ê, h = q · 2 weight / (V M), V = Σ‖t −
 *       t̄‖².
 * </ul>
 *
 * <p>Without dead latents the last two reconstruct with b_dec alone.
 */
final class ContrastiveColumn {
  private final Pass pass;
  private final Objective objective;
  private final int columns;
  private final int[] dead;
  private final Matrix deadRows;
  private final Matrix deadBias;
  private final List<Part> parts = new ArrayList<>();
  private Matrix out;
  private Matrix error;
  private Matrix gradient;

  /** A reconstruction from dead latents. */
  private record Part(
      Term term, Activation activation, SparseCodes codes, Matrix out, Matrix gradient) {}

  /** Encodes a column and counts what fires; latents that fired in the first column count there. */
  ContrastiveColumn(Pass pass, int columns) {
    this.pass = pass;
    this.objective = pass.spec.objective();
    this.columns = columns;
    DeadLatents counter =
        new DeadLatents(pass.spec.deadLatents().counting(), pass.state.sinceFired());
    dead = counter.step(fired(pass.codes, null), pass.rows());
    deadRows = pass.scratch.matrix(dead.length, pass.spec.shape().dIn());
    deadBias = dead.length == 0 ? null : pass.scratch.vector(dead.length);
    for (int j = 0; j < dead.length; j++) {
      MemorySegment.copy(
          pass.state.wEnc().segment(),
          pass.state.wEnc().rowOffset(dead[j]),
          deadRows.segment(),
          deadRows.rowOffset(j),
          4L * deadRows.cols());
      deadBias.set(0, j, pass.state.bEnc().get(0, dead[j]));
    }
    Activation.Ranked main = (Activation.Ranked) pass.spec.forward().activation();
    boolean none = dead.length == 0;
    for (Term term : objective.terms()) {
      switch (term) {
        case DeadTopK multi -> {
          Activation activation = none ? main : multi.activation(main, dead.length);
          SparseCodes codes = encodeDead(activation);
          counter.count(fired(codes, dead), pass.rows());
          parts.add(part(multi, activation, codes));
        }
        case AuxK aux -> {
          Activation activation = none ? main : aux.activation(dead.length);
          parts.add(part(aux, activation, encodeDead(activation)));
        }
        default -> {}
      }
    }
  }

  private SparseCodes encodeDead(Activation activation) {
    if (dead.length > 0) {
      return pass.encode(new EncoderWeights(deadRows, deadBias, null, null), activation);
    }
    SparseCodes empty = pass.scratch.codes(pass.rows(), 1);
    empty.setRows(0, pass.rows(), new int[pass.rows() + 1], new int[0], new float[0]);
    return empty;
  }

  private Part part(Term term, Activation activation, SparseCodes codes) {
    Matrix reconstruction = pass.decode(codes, dead.length > 0 ? deadRows : pass.state.wDec());
    Matrix own = pass.scratch.matrix(pass.rows(), reconstruction.cols());
    return new Part(term, activation, codes, reconstruction, own);
  }

  /** Which latents fired. */
  private boolean[] fired(SparseCodes codes, int[] numbering) {
    DeadLatentRule.Fired rule = pass.spec.deadLatents().fired();
    boolean[] fired = new boolean[pass.spec.shape().dSae()];
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        int latent = codes.index(b, slot);
        fired[numbering == null ? latent : numbering[latent]] |= rule.by(codes.value(b, slot));
      }
    }
    return fired;
  }

  SparseCodes codes() {
    return pass.codes;
  }

  int[] dead() {
    return dead;
  }

  /** e, {@code [rows, d]}. */
  Matrix error() {
    return error;
  }

  /** Positive codes. */
  long active() {
    long active = 0;
    for (int b = 0; b < pass.codes.rows(); b++) {
      for (int slot = 0; slot < pass.codes.length(b); slot++) {
        active += pass.codes.value(b, slot) > 0 ? 1 : 0;
      }
    }
    return active;
  }

  /**
   * Forms the losses and turns errors into gradients.
   *
   * @param values receives the column's share of each term's value, added
   */
  void losses(double[] values) {
    Kernels device = pass.device;
    out = pass.decode(pass.codes);
    error = pass.scratch.matrix(pass.rows(), out.cols());
    device.subtract(out, pass.target, error);
    gradient = pass.scratch.matrix(pass.rows(), out.cols());
    gradient.copyFrom(error);
    double divisor = objective.reconstruction().divisor(pass.rows(), out.cols(), Double.NaN);
    values[0] += StepSums.ratio(Pass.sum(pass.rowSquares(error)), divisor) / columns;
    device.scale(gradient, StepSums.factor(2, divisor, columns));
    for (Part part : parts) {
      double value;
      if (part.term() instanceof AuxK) {
        // t, in the memory of its gradient until that is formed
        Matrix target = pass.scratch.matrix(pass.rows(), out.cols());
        device.subtractRow(out, pass.state.bDec(), target);
        device.subtract(pass.target, target, target);
        double variance = Pass.sum(pass.centeredSquares(target));
        value = form(part, target, variance);
      } else {
        value = form(part, pass.target, divisor);
      }
      values[objective.terms().indexOf(part.term())] += value / columns;
    }
  }

  /** Error and gradient of a reconstruction from dead latents; its value. */
  private double form(Part part, Matrix target, double divisor) {
    pass.device.subtract(part.out(), target, part.gradient());
    double squares = Pass.sum(pass.rowSquares(part.gradient()));
    pass.device.scale(part.gradient(), StepSums.factor(2 * part.term().weight(), divisor, columns));
    return StepSums.ratio(squares, divisor);
  }

  /**
   * Adds the column's gradients: the main term's, then those of the others in the objective's
   * order.
   *
   * @param contrast gradients that the main codes have from the contrastive term
   * @param first whether this is the first column, which overwrites
   */
  void backward(float[] contrast, boolean first, Gradients total) {
    TrainingState state = pass.state;
    Kernels device = pass.device;
    pass.throughNormalization(gradient);
    Gradients own = first ? total : Gradients.ofLatents(state.dSae(), state, pass.scratch);
    Activation activation = pass.spec.forward().activation();
    pass.gradients(pass.codes, gradient, state.wDec(), activation, contrast, own);
    if (!first) {
      device.add(total.wEnc(), own.wEnc());
      device.add(total.wDec(), own.wDec());
      device.add(total.bEnc(), own.bEnc());
      device.add(total.bDec(), own.bDec());
    }
    for (Part part : parts) {
      pass.throughNormalization(part.gradient());
      if (dead.length == 0) {
        Matrix sums = pass.scratch.vector(total.bDec().cols());
        device.columnSums(part.gradient(), sums);
        device.add(total.bDec(), sums);
        continue;
      }
      Gradients some = Gradients.ofLatents(dead.length, state, pass.scratch);
      pass.gradients(part.codes(), part.gradient(), deadRows, part.activation(), some);
      for (int j = 0; j < dead.length; j++) {
        device.add(total.wEnc().rows(dead[j], 1), some.wEnc().rows(j, 1));
        device.add(total.wDec().rows(dead[j], 1), some.wDec().rows(j, 1));
        total.bEnc().set(0, dead[j], total.bEnc().get(0, dead[j]) + some.bEnc().get(0, j));
      }
      device.add(total.bDec(), some.bDec());
    }
  }

  /** Squared distances of what is reconstructed to its mean, {@code [1, rows]}. */
  Matrix distances() {
    return pass.centeredSquares(pass.target);
  }

  /** Squared norms of e, {@code [1, rows]}. */
  Matrix squares() {
    return pass.rowSquares(error);
  }

  /** What the column computed, the main term first. */
  List<Observation.TermView> views() {
    List<Observation.TermView> views = new ArrayList<>();
    views.add(new Observation.TermView(objective.reconstruction(), pass.codes, out));
    for (Part part : parts) {
      views.add(new Observation.TermView(part.term(), part.codes(), part.out()));
    }
    return views;
  }
}
