package io.github.sae4j.step;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * The loss of one training step in double, straight from the formulas of the recipes and dense
 * where the engine is sparse. What a gradient takes as constant is fixed when this is made: which
 * latents are selected, which of them ReLU lets pass, detached residuals and normalisers. As a
 * function of any single weight it is then a polynomial of degree 2, so that central differences
 * are its exact derivative for any step.
 */
final class ReferenceLoss {
  /** Weights in double; the arrays may be changed to evaluate the loss elsewhere. */
  record Weights(double[][] wEnc, double[][] wDec, double[] bEnc, double[] bDec, double[][] wSkip) {
    static Weights of(TrainingState state) {
      return new Weights(
          rows(state.wEnc()),
          rows(state.wDec()),
          rows(state.bEnc())[0],
          rows(state.bDec())[0],
          state.wSkip() == null ? new double[0][] : rows(state.wSkip()));
    }

    Weights copy() {
      return new Weights(
          Arrays.stream(wEnc).map(double[]::clone).toArray(double[][]::new),
          Arrays.stream(wDec).map(double[]::clone).toArray(double[][]::new),
          bEnc.clone(),
          bDec.clone(),
          Arrays.stream(wSkip).map(double[]::clone).toArray(double[][]::new));
    }
  }

  private final StepSpec spec;
  private final int rows;
  private final double[][] x;

  /** What is reconstructed. */
  private final double[][] y;

  private final double[][] normalized;
  private final double[] outScale;
  private final double[] outShift;
  private final boolean[][] main;
  private final boolean[][] multi;
  private final AuxK aux;
  private final boolean[][] auxCodes;
  private final boolean[][] positive;
  private final boolean passesNegatives;
  private final int deadCount;
  private final double[][] residual;
  private final double[] bDecAtBase;

  /** The weights that the loss is differentiated at. */
  private final Weights base;

  private final boolean[] isDead;

  ReferenceLoss(StepSpec spec, Matrix batch, Weights base, boolean[] dead) {
    this.spec = spec;
    this.rows = batch.rows();
    int dIn = spec.shape().dIn();
    double[][] whole = rows(batch);
    this.x = Arrays.stream(whole).map(row -> Arrays.copyOf(row, dIn)).toArray(double[][]::new);
    this.y =
        spec.shape().pairs() == Pairs.TARGETS
            ? Arrays.stream(whole)
                .map(row -> Arrays.copyOfRange(row, dIn, row.length))
                .toArray(double[][]::new)
            : x;
    this.normalized = new double[rows][];
    this.outScale = new double[rows];
    this.outShift = new double[rows];
    for (int b = 0; b < rows; b++) {
      normalize(b);
    }
    int n = spec.shape().dSae();
    this.main = new boolean[rows][];
    this.multi = new boolean[rows][];
    this.aux = spec.objective().find(AuxK.class).orElse(null);
    this.auxCodes = new boolean[rows][];
    this.positive = new boolean[rows][n];
    this.deadCount = (int) IntStream.range(0, n).filter(i -> dead[i]).count();
    this.residual = new double[rows][];
    this.bDecAtBase = base.bDec().clone();
    this.base = base.copy();
    this.isDead = dead;
    double[][] ranked = new double[rows][];
    for (int b = 0; b < rows; b++) {
      double[] pre = preActivations(base, b);
      ranked[b] = pre.clone();
      for (int i = 0; i < n; i++) {
        positive[b][i] = pre[i] > 0;
        if (spec.forward().rescaleByDecoderNorm()) {
          ranked[b][i] *= Math.sqrt(dot(base.wDec()[i], base.wDec()[i]));
        }
      }
    }
    Activation activation = spec.forward().activation();
    this.passesNegatives = activation instanceof Ranked found && found.relu() == Ranked.Relu.NONE;
    select(activation, ranked, main);
    if (spec.objective().find(MultiTopK.class).isPresent()) {
      select(((Ranked) activation).withK(4 * ((Ranked) activation).k()), ranked, multi);
    }
    for (int b = 0; b < rows; b++) {
      double[] ranks = ranked[b];
      auxCodes[b] =
          top(
              n,
              IntStream.range(0, n).filter(i -> dead[i]),
              aux == null ? 0 : aux.kAux(),
              i -> aux != null && aux.relu() ? Math.max(ranks[i], 0) : ranks[i]);
      double[] out = skipped(base, b, output(base, b, main[b]));
      int row = b;
      residual[b] = IntStream.range(0, out.length).mapToDouble(j -> y[row][j] - out[j]).toArray();
    }
  }

  /** Sets which latents each row takes. */
  private static void select(Activation activation, double[][] ranked, boolean[][] selected) {
    int n = ranked[0].length;
    for (int b = 0; b < ranked.length; b++) {
      double[] ranks = ranked[b];
      selected[b] =
          switch (activation) {
            case Ranked row when row.scope() == Ranked.Scope.ROW ->
                top(n, IntStream.range(0, n), (int) row.k(), i -> rank(row, ranks[i]));
            case Ranked group when group.scope() == Ranked.Scope.GROUP -> {
              boolean[] mask = new boolean[n];
              int size = n / (int) group.k();
              for (int from = 0; from < n; from += size) {
                boolean[] one =
                    top(n, IntStream.range(from, from + size), 1, i -> rank(group, ranks[i]));
                for (int i = from; i < from + size; i++) {
                  mask[i] = one[i];
                }
              }
              yield mask;
            }
            case Ranked batch -> new boolean[n];
            case Activation.Threshold threshold -> {
              boolean[] mask = new boolean[n];
              for (int i = 0; i < n; i++) {
                mask[i] = ranks[i] > threshold.theta(i) && ranks[i] > 0;
              }
              yield mask;
            }
          };
    }
    if (activation instanceof Ranked batch && batch.scope() == Ranked.Scope.BATCH) {
      boolean[] all =
          top(
              n * ranked.length,
              IntStream.range(0, n * ranked.length),
              (int) (batch.k() * ranked.length),
              at -> rank(batch, ranked[at / n][at % n]));
      for (int at = 0; at < all.length; at++) {
        selected[at / n][at % n] = all[at];
      }
    }
  }

  private static double rank(Ranked by, double value) {
    double ranked = by.order() == Ranked.Order.MAGNITUDE ? Math.abs(value) : value;
    return by.relu() == Ranked.Relu.BEFORE ? Math.max(ranked, 0) : ranked;
  }

  /** Whether a latent is among a row's main codes. */
  boolean selected(int row, int latent) {
    return main[row][latent];
  }

  double main(Weights w) {
    return overMicroBatches(
        (from, to) -> {
          double squares = squares(w, from, to, main, true);
          int d = spec.shape().dOut();
          return switch (spec.objective().reconstruction().measure()) {
            case SQUARED_ERROR -> squares / (to - from);
            case FVU -> squares / spread(y, from, to);
            case SCALED_MSE ->
                spec.objective().reconstruction().mseScale() * squares / ((to - from) * d);
          };
        });
  }

  double multi(Weights w) {
    return overMicroBatches((from, to) -> squares(w, from, to, multi, false) / spread(y, from, to));
  }

  /** The sum over widths of the squared errors of the reconstruction from the first latents. */
  double nested(Weights w) {
    return overMicroBatches(
        (from, to) -> {
          double sum = 0;
          for (int width : spec.objective().find(Matryoshka.class).orElseThrow().widths()) {
            sum += squares(w, from, to, below(width), false) / (to - from);
          }
          return sum;
        });
  }

  private boolean[][] below(int width) {
    boolean[][] some = new boolean[rows][];
    for (int b = 0; b < rows; b++) {
      some[b] = main[b].clone();
      Arrays.fill(some[b], width, some[b].length, false);
    }
    return some;
  }

  double aux(Weights w) {
    Matryoshka nested = spec.objective().find(Matryoshka.class).orElse(null);
    if (nested != null && nested.auxPerLevel()) {
      double sum = 0;
      int from = 0;
      for (int i = 0; i <= nested.widths().size(); i++) {
        int to = i == nested.widths().size() ? spec.shape().dSae() : nested.widths().get(i);
        sum += levelAux(w, from, to);
        from = to;
      }
      return sum;
    }
    double scale = aux.scaledByDead() ? Math.min((double) deadCount / aux.kAux(), 1) : 1;
    return overMicroBatches(
        (from, to) -> {
          double sum = 0;
          for (int b = from; b < to; b++) {
            double[] estimate = auxOutput(w, b);
            double[] target = residual[b].clone();
            if (!aux.residualDetached()) {
              double[] out = skipped(w, b, output(w, b, main[b]));
              for (int j = 0; j < out.length; j++) {
                target[j] = y[b][j] - out[j];
              }
            }
            for (int j = 0; j < target.length; j++) {
              if (aux.bDec() == AuxK.BDec.CANCELS) {
                target[j] += bDecAtBase[j];
              }
              sum += square(estimate[j] - target[j]);
            }
          }
          double normalizer =
              switch (aux.normalizer()) {
                case ROWS -> to - from;
                case TOTAL_VARIANCE -> spread(y, from, to);
                case RESIDUAL_VARIANCE -> spread(residual, from, to);
              };
          return scale * sum / normalizer;
        });
  }

  /**
   * AuxK of the dead latents in [first, end), whose target is what the latents below {@code end}
   * leave over; of ROWS and a detached residual.
   */
  private double levelAux(Weights w, int first, int end) {
    int[] level = IntStream.range(first, end).filter(i -> isDead[i]).toArray();
    if (level.length == 0) {
      return 0;
    }
    double scale = aux.scaledByDead() ? Math.min((double) level.length / aux.kAux(), 1) : 1;
    boolean[][] lower = below(end);
    double sum = 0;
    for (int b = 0; b < rows; b++) {
      double[] ranks = preActivations(base, b);
      boolean[] chosen = top(ranks.length, Arrays.stream(level), aux.kAux(), i -> ranks[i]);
      double[] pre = preActivations(w, b);
      double[] estimate = new double[spec.shape().dIn()];
      for (int i = first; i < end; i++) {
        if (chosen[i]) {
          addTo(estimate, pre[i], w.wDec()[i]);
        }
      }
      double[] out = output(base, b, lower[b]);
      for (int j = 0; j < out.length; j++) {
        sum += square(estimate[j] - (x[b][j] - out[j]));
      }
    }
    return scale * sum / rows;
  }

  double total(Weights w) {
    double total = main(w);
    if (aux != null) {
      total += aux.weight() * aux(w);
    }
    Optional<Matryoshka> nested = spec.objective().find(Matryoshka.class);
    if (nested.isPresent()) {
      total += nested.get().weight() * nested(w);
    }
    return spec.objective().find(MultiTopK.class).isPresent() ? total + multi(w) / 8 : total;
  }

  /** The derivative by one weight, exact but for rounding in double. */
  double derivative(Weights w, double[] weights, int index) {
    double at = weights[index];
    double h = 0.0625;
    weights[index] = at + h;
    double above = total(w);
    weights[index] = at - h;
    double below = total(w);
    weights[index] = at;
    return (above - below) / (2 * h);
  }

  private interface MicroBatchLoss {
    double of(int from, int to);
  }

  private double overMicroBatches(MicroBatchLoss loss) {
    double sum = 0;
    int count = 0;
    for (int from = 0; from < rows; from += spec.shape().microBatchRows()) {
      sum += loss.of(from, Math.min(from + spec.shape().microBatchRows(), rows));
      count++;
    }
    return sum / count;
  }

  private double squares(Weights w, int from, int to, boolean[][] selection, boolean skips) {
    double sum = 0;
    for (int b = from; b < to; b++) {
      double[] out = output(w, b, selection[b]);
      if (skips) {
        skipped(w, b, out);
      }
      for (int j = 0; j < out.length; j++) {
        sum += square(out[j] - y[b][j]);
      }
    }
    return sum;
  }

  /** Adds what the skip connection gives. */
  private double[] skipped(Weights w, int b, double[] out) {
    for (int j = 0; j < w.wSkip().length; j++) {
      out[j] += dot(x[b], w.wSkip()[j]);
    }
    return out;
  }

  private double[] output(Weights w, int b, boolean[] selection) {
    double[] pre = preActivations(w, b);
    double[] out = w.bDec().clone();
    for (int i = 0; i < pre.length; i++) {
      if (selection[i] && (positive[b][i] || passesNegatives)) {
        addTo(out, pre[i], w.wDec()[i]);
      }
    }
    for (int j = 0; j < out.length; j++) {
      out[j] = out[j] * outScale[b] + outShift[b];
    }
    return out;
  }

  private double[] auxOutput(Weights w, int b) {
    double[] pre = preActivations(w, b);
    double[] out = new double[spec.shape().dOut()];
    if (aux.bDec() != AuxK.BDec.EXCLUDED) {
      out = w.bDec().clone();
    }
    for (int i = 0; i < pre.length; i++) {
      if (auxCodes[b][i] && (positive[b][i] || !aux.relu())) {
        addTo(out, pre[i], w.wDec()[i]);
      }
    }
    return out;
  }

  private double[] preActivations(Weights w, int b) {
    double[] input = normalized[b].clone();
    if (spec.forward().subtractBDec()) {
      addTo(input, -1, w.bDec());
    }
    double[] pre = new double[spec.shape().dSae()];
    for (int i = 0; i < pre.length; i++) {
      pre[i] = dot(input, w.wEnc()[i]) + w.bEnc()[i];
    }
    return pre;
  }

  private void normalize(int b) {
    int d = spec.shape().dIn();
    normalized[b] = x[b].clone();
    outScale[b] = 1;
    switch (spec.forward().normalization()) {
      case NONE -> {}
      case CONSTANT_NORM -> {
        outScale[b] = Math.sqrt(dot(x[b], x[b]) / d);
        addTo(normalized[b], 1 / outScale[b] - 1, x[b]);
      }
      case LAYER_NORM -> {
        double mean = Arrays.stream(x[b]).sum() / d;
        double squares = Arrays.stream(x[b]).map(value -> square(value - mean)).sum();
        outShift[b] = mean;
        outScale[b] = Math.sqrt(squares / (d - 1));
        for (int j = 0; j < d; j++) {
          normalized[b][j] = (x[b][j] - mean) / (outScale[b] + 1e-5);
        }
      }
    }
  }

  private static boolean[] top(int n, IntStream candidates, int k, IntToDoubleFunction rank) {
    Comparator<Integer> descending = Comparator.comparingDouble(i -> -rank.applyAsDouble(i));
    int[] best =
        candidates
            .boxed()
            .sorted(descending.thenComparing(Comparator.naturalOrder()))
            .limit(k)
            .mapToInt(Integer::intValue)
            .toArray();
    boolean[] mask = new boolean[n];
    for (int i : best) {
      mask[i] = true;
    }
    return mask;
  }

  /** Σ‖a_b − ā‖². */
  private static double spread(double[][] a, int from, int to) {
    double sum = 0;
    for (int j = 0; j < a[from].length; j++) {
      double mean = 0;
      for (int b = from; b < to; b++) {
        mean += a[b][j] / (to - from);
      }
      for (int b = from; b < to; b++) {
        sum += square(a[b][j] - mean);
      }
    }
    return sum;
  }

  private static double[][] rows(Matrix matrix) {
    double[][] rows = new double[matrix.rows()][matrix.cols()];
    for (int b = 0; b < matrix.rows(); b++) {
      for (int j = 0; j < matrix.cols(); j++) {
        rows[b][j] = matrix.get(b, j);
      }
    }
    return rows;
  }

  private static void addTo(double[] target, double factor, double[] addend) {
    for (int j = 0; j < target.length; j++) {
      target[j] += factor * addend[j];
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int j = 0; j < a.length; j++) {
      sum += a[j] * b[j];
    }
    return sum;
  }

  private static double square(double value) {
    return value * value;
  }
}
