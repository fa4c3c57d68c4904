package io.github.sae4j.internal.activity;

import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Sparsity.Penalty;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainedGate;
import io.github.sae4j.step.TrainingState;
import java.util.Arrays;
import java.util.function.Function;

/**
 * How latents become active by a threshold, what that costs and how it is differentiated: on the
 * host, candidate by candidate, rows ascending and latents ascending in each. Activations and what
 * is multiplied by them are f32; sums by latent and the values of penalties are in double, rounded
 * once at the end.
 */
public abstract sealed class ActivityForm permits ReluForm, JumpReluForm, GatedForm {
  final TrainingState state;
  final int n;

  /** Rows of the batch. */
  final int batch;

  /** The penalty's coefficient in this step. */
  final double coefficient;

  /** The penalty, or null. */
  final Sparsity sparsity;

  /** Norms of decoder rows, or null where they are not needed. */
  public final double[] norms;

  /** By latent, the gradient of the norm of its decoder row. */
  public final double[] normGradients;

  /** By latent, the sum of the gradients of its products with the encoder's row. */
  public final double[] productSums;

  /** Latents that fired. */
  public final boolean[] fired;

  /** Number of positive activations. */
  public long active;

  private final float[] bias;
  private final float[] pre;

  ActivityForm(Step step) {
    state = step.state();
    n = state.dSae();
    batch = step.rows();
    sparsity = step.spec().objective().find(Sparsity.class).orElse(null);
    norms = step.norms();
    final long number = step.number();
    coefficient = sparsity == null ? 0 : sparsity.weight() * sparsity.warmUp().at(number);
    normGradients = norms == null ? null : new double[n];
    productSums = new double[n];
    fired = new boolean[n];
    bias = state.bEnc().toArray();
    pre = new float[n];
  }

  /**
   * The form of a step.
   *
   * @param step the step
   * @return what its gate asks for
   */
  public static ActivityForm of(Step step) {
    TrainedGate gate = step.spec().forward().gate().orElse(null);
    return switch (gate) {
      case null -> new ReluForm(step);
      case TrainedGate.JumpRelu jump -> new JumpReluForm(step, jump);
      case TrainedGate.Gated gated -> new GatedForm(step, gated);
    };
  }

  /**
   * Whether a step's terms depend on the norms of decoder rows.
   *
   * @param spec the step
   * @return true if {@link Step#norms} is needed
   */
  public static boolean needsNorms(StepSpec spec) {
    return spec.objective().terms().stream()
        .anyMatch(
            term ->
                switch (term) {
                  case PreActivation _ -> true;
                  case Sparsity(Penalty.Norm norm, _, _) -> norm.normPower() > 0;
                  case Sparsity(Penalty.Tanh _, _, _) -> true;
                  default -> false;
                });
  }

  /**
   * A step under way.
   *
   * @param spec what it computes
   * @param state its weights, before it
   * @param rows rows of its batch
   * @param number its number, from 1
   * @param norms norms of decoder rows, widened from f32, where they are needed; or null
   */
  public record Step(StepSpec spec, TrainingState state, int rows, long number, double[] norms) {}

  /** By latent, what a pre-activation must exceed to be a candidate. */
  public abstract float[] floors();

  /** Adds the candidates of a row of products. */
  public final void collect(float[] products, int row, ActivityTile tile) {
    int worst = 0;
    for (int i = 0; i < n; i++) {
      float value = products[i] + bias[i];
      pre[i] = value;
      worst = Math.max(worst, Float.floatToRawIntBits(value) & 0x7f800000);
    }
    if (worst == 0x7f800000) {
      for (int i = 0; i < n; i++) {
        if (!Float.isFinite(pre[i])) {
          throw new NonFiniteException(row, i, pre[i]);
        }
      }
    }
    tile.reserve(n);
    float[] floors = floors();
    float[] kept = keepsProducts() ? products : pre;
    int at = tile.size();
    for (int i = 0; i < n; i++) {
      if (pre[i] > floors[i]) {
        tile.latents[at] = i;
        tile.kept[at++] = kept[i];
      }
    }
    tile.rows++;
    tile.starts[tile.rows] = at;
  }

  /** Whether candidates keep the product instead of the pre-activation. */
  boolean keepsProducts() {
    return false;
  }

  /** Whether the reconstruction from gates is formed too. */
  public boolean hasGates() {
    return false;
  }

  /** Forms activations of a tile, and counts them. */
  public abstract void activate(ActivityTile tile);

  final void count(int latent, float activation) {
    if (activation > 0) {
      active++;
      fired[latent] = true;
    }
  }

  /**
   * Turns the gradients of activations into those of products with the encoder's rows, in {@code
   * deltas}, and adds up those of vectors.
   */
  public abstract void backward(ActivityTile tile);

  /** Value of the penalty before its coefficient, from the sums of all tiles. */
  public abstract double penalty();

  /** Writes the gradients of the vectors that the form has beside b_enc. */
  public abstract void finish(Function<String, Matrix> gradients);

  /** Writes the gradient of b_enc. */
  public void finishBias(Matrix gradient) {
    write(productSums, gradient);
  }

  public static void write(double[] sums, Matrix vector) {
    for (int i = 0; i < sums.length; i++) {
      vector.set(0, i, (float) sums[i]);
    }
  }

  /** By latent, the norm to a power. */
  final double[] powers(int power) {
    double[] powers = new double[n];
    Arrays.fill(powers, 1);
    for (int times = 0; times < power; times++) {
      for (int i = 0; i < n; i++) {
        powers[i] *= norms[i];
      }
    }
    return powers;
  }
}
