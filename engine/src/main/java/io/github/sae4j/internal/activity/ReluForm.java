package io.github.sae4j.internal.activity;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.Sparsity.Penalty.Norm;
import java.util.function.Function;

/**
 * The standard SAE: a = relu(pre), penalised by a p-norm of u = a · ν^q. With c the coefficient
 * over the rows of the batch and N the norm of a row, the gradient of an activation is
 *
 * <pre>
 * δ + fl(c ν^q)                        p = 1
 * δ + fl(c ν^q (u / N)^(p − 1))        otherwise; the quotient itself for p = 2
 * </pre>
 *
 * <p>in one rounding; N = (Σ u^p)^(1/p) over ascending latents in double.
 */
final class ReluForm extends ActivityForm {
  private final Norm norm;
  private final double[] scales;
  private final float[] perLatent;
  private final double[] sums;
  private final float[] floors;
  private final OrderedSums.Blocks rowNorms = new OrderedSums.Blocks();

  ReluForm(Step step) {
    super(step);
    norm = sparsity == null ? null : (Norm) sparsity.penalty();
    scales = powers(norm == null ? 0 : norm.normPower());
    perLatent = new float[n];
    for (int i = 0; i < n; i++) {
      perLatent[i] = (float) (coefficient / batch * scales[i]);
    }
    sums = new double[n];
    floors = new float[n];
  }

  @Override
  public float[] floors() {
    return floors;
  }

  @Override
  public void activate(ActivityTile tile) {
    for (int at = 0; at < tile.size(); at++) {
      tile.acts[at] = tile.kept[at];
      count(tile.latents[at], tile.acts[at]);
    }
  }

  @Override
  public void backward(ActivityTile tile) {
    for (int b = 0; b < tile.rows; b++) {
      if (norm == null || norm.p() == 1) {
        plain(tile, tile.starts[b], tile.starts[b + 1]);
      } else {
        general(tile, tile.starts[b], tile.starts[b + 1]);
      }
    }
  }

  private void plain(ActivityTile tile, int from, int to) {
    for (int at = from; at < to; at++) {
      int i = tile.latents[at];
      float delta = tile.deltas[at] + perLatent[i];
      tile.deltas[at] = delta;
      productSums[i] += delta;
      sums[i] += tile.acts[at];
    }
  }

  private void general(ActivityTile tile, int from, int to) {
    double p = norm.p();
    double sum = 0;
    for (int at = from; at < to; at++) {
      double u = tile.acts[at] * scales[tile.latents[at]];
      sum += p == 2 ? u * u : StrictMath.pow(u, p);
    }
    double length = p == 2 ? Math.sqrt(sum) : StrictMath.pow(sum, 1 / p);
    rowNorms.add(length);
    for (int at = from; at < to; at++) {
      int i = tile.latents[at];
      double share = length == 0 ? 0 : tile.acts[at] * scales[i] / length;
      double slope = coefficient / batch * (p == 2 ? share : StrictMath.pow(share, p - 1));
      float delta = tile.deltas[at] + (float) (slope * scales[i]);
      tile.deltas[at] = delta;
      productSums[i] += delta;
      if (norm.normPower() > 0) {
        normGradients[i] += slope * tile.acts[at] * slopeOfScale(i);
      }
    }
  }

  /** The derivative of ν^q. */
  private double slopeOfScale(int i) {
    return norm.normPower() == 1 ? 1 : 2 * norms[i];
  }

  @Override
  public double penalty() {
    if (norm == null) {
      return 0;
    }
    if (norm.p() != 1) {
      return rowNorms.total() / batch;
    }
    double total = 0;
    for (int i = 0; i < n; i++) {
      total += scales[i] * sums[i];
    }
    return total / batch;
  }

  @Override
  public void finish(Function<String, Matrix> gradients) {
    for (int i = 0; norm != null && norm.p() == 1 && norm.normPower() > 0 && i < n; i++) {
      normGradients[i] = coefficient / batch * sums[i] * slopeOfScale(i);
    }
  }
}
