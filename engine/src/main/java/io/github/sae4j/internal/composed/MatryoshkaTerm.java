package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.step.StepSums;
import java.util.ArrayList;
import java.util.List;

/**
 * Nested prefixes: per width w the codes below w are decoded, e_w = x̂_w − x, g_w = e_w · factor,
 * factor = 2 weight/(B M). Each group of latents between two widths then has one gradient at the
 * output, h = g + g_w + …, added from the main term's to that of the group's own level; codes,
 * encoder and decoder rows of the group are differentiated with it, b_dec with that of the first
 * group, to which all levels belong. So {@link ReconstructionTerm#backward} leaves the gradients of
 * both terms to this one.
 */
final class MatryoshkaTerm implements ComposedTerm {
  private final Matryoshka term;
  private final Pass pass;
  private final List<Level> levels = new ArrayList<>();

  /** The reconstruction from the first latents. */
  private record Level(Matrix error, Matrix gradient) {}

  MatryoshkaTerm(Matryoshka term, Pass pass) {
    this.term = term;
    this.pass = pass;
  }

  Matryoshka term() {
    return term;
  }

  @Override
  public void forward() {
    for (int width : term.widths()) {
      Matrix error = pass.decode(between(0, width));
      pass.device.subtract(error, pass.target, error);
      Matrix gradient = pass.scratch.matrix(error.rows(), error.cols());
      gradient.copyFrom(error);
      levels.add(new Level(error, gradient));
    }
  }

  /** e_w of the reconstruction up to a level, {@code [rows, d_out]}. */
  Matrix error(int level) {
    return levels.get(level).error();
  }

  /** The codes of latents in [from, to), counted from {@code from}. */
  private SparseCodes between(int from, int to) {
    SparseCodes all = pass.codes;
    int[] starts = new int[all.rows() + 1];
    int[] latents = new int[all.size()];
    float[] values = new float[latents.length];
    int count = 0;
    for (int b = 0; b < all.rows(); b++) {
      for (int slot = 0; slot < all.length(b); slot++) {
        int latent = all.index(b, slot);
        if (latent >= from && latent < to) {
          latents[count] = latent - from;
          values[count++] = all.value(b, slot);
        }
      }
      starts[b + 1] = count;
    }
    SparseCodes some = pass.scratch.codes(all.rows(), 1);
    some.setRows(0, all.rows(), starts, latents, values);
    return some;
  }

  @Override
  public boolean needsVariance() {
    return false;
  }

  @Override
  public double loss(MicroBatch micro) {
    double value = 0;
    float factor = StepSums.factor(2 * term.weight(), micro.rows(), micro.count());
    for (Level level : levels) {
      pass.device.scale(micro.of(level.gradient()), factor);
      value += Pass.sum(pass.rowSquares(micro.of(level.error()))) / micro.rows();
    }
    return value;
  }

  /**
   * The gradients of this term and the main one.
   *
   * @param main g of the main term; overwritten
   * @param total receives them
   */
  void backward(Matrix main, Gradients total) {
    levels.forEach(level -> pass.throughNormalization(level.gradient()));
    Activation activation = pass.spec.forward().activation();
    int to = pass.state.dSae();
    for (int group = levels.size(); group >= 0; group--) {
      int from = group == 0 ? 0 : term.widths().get(group - 1);
      Gradients own = total.ofLatents(from, to, pass.scratch);
      pass.gradients(
          between(from, to), main, pass.state.wDec().rows(from, to - from), activation, own);
      for (int i = from; i < to; i++) {
        total.bEnc().set(0, i, own.bEnc().get(0, i - from));
      }
      if (group > 0) {
        pass.device.add(main, levels.get(group - 1).gradient());
        to = from;
      }
    }
  }

  @Override
  public void backward(Gradients total) {
    // With the main term's activation, whose latents these are.
  }

  @Override
  public Observation.TermView view() {
    return null;
  }
}
