package io.github.sae4j.internal.composed;

import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.step.TrainedGate;
import io.github.sae4j.step.TrainingState;
import java.util.Arrays;

/**
 * How latents become active by a threshold, what that costs and how it is differentiated: on the
 * host, candidate by candidate, rows ascending and latents ascending in each. Activations and what
 * is multiplied by them are f32; sums by latent and the values of penalties are in double, rounded
 * once at the end.
 */
abstract sealed class ActivityForm permits ReluForm, JumpReluForm, GatedForm {
  final TrainingState state;
  final int n;

  /** Rows of the batch. */
  final int batch;

  /** The penalty's coefficient in this step. */
  final double coefficient;

  /** The penalty, or null. */
  final Sparsity sparsity;

  /** Norms of decoder rows, or null where they are not needed. */
  final double[] norms;

  /** By latent, the gradient of the norm of its decoder row. */
  final double[] normGradients;

  /** By latent, the sum of the gradients of its products with the encoder's row. */
  final double[] productSums;

  /** Latents that fired. */
  final boolean[] fired;

  /** Number of positive activations. */
  long active;

  private final float[] bias;
  private final float[] pre;

  ActivityForm(Pass pass, long number, double[] norms) {
    state = pass.state;
    n = state.dSae();
    batch = pass.rows();
    sparsity = pass.spec.objective().find(Sparsity.class).orElse(null);
    coefficient = sparsity == null ? 0 : sparsity.weight() * sparsity.warmUp().at(number);
    this.norms = norms;
    normGradients = norms == null ? null : new double[n];
    productSums = new double[n];
    fired = new boolean[n];
    bias = state.bEnc().toArray();
    pre = new float[n];
  }

  static ActivityForm of(Pass pass, long number) {
    TrainedGate gate = pass.spec.forward().gate().orElse(null);
    return switch (gate) {
      case null -> new ReluForm(pass, number);
      case TrainedGate.JumpRelu jump -> new JumpReluForm(pass, number, jump);
      case TrainedGate.Gated gated -> new GatedForm(pass, number, gated);
    };
  }

  /** Norms of decoder rows, in f32, widened. */
  static double[] norms(Pass pass) {
    Matrix norms = pass.scratch.vector(pass.state.dSae());
    pass.device.rowNorms(pass.state.wDec(), norms);
    double[] wide = new double[norms.cols()];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = norms.get(0, i);
    }
    return wide;
  }

  /** By latent, what a pre-activation must exceed to be a candidate. */
  abstract float[] floors();

  /** Adds the candidates of a row of products. */
  final void collect(float[] products, int row, ActivityTile tile) {
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
  boolean hasGates() {
    return false;
  }

  /** Forms activations of a tile, and counts them. */
  abstract void activate(ActivityTile tile);

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
  abstract void backward(ActivityTile tile);

  /** Value of the penalty before its coefficient, from the sums of all tiles. */
  abstract double penalty();

  /** Writes the gradients of the vectors that the form has beside b_enc. */
  abstract void finish(Gradients total);

  /** Writes the gradient of b_enc. */
  void finishBias(Gradients total) {
    write(productSums, total.bEnc());
  }

  static void write(double[] sums, Matrix vector) {
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
