package io.github.sae4j.internal.activity;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.objective.Sparsity.Penalty;
import io.github.sae4j.step.TrainedGate.JumpRelu;
import java.util.function.Function;

/**
 * JumpReLU: a = pre where pre &gt; θ, and the rectangle of {@link JumpRelu}. Candidates are the
 * latents above θ − bandwidth/2. With c the coefficient over the rows of the batch, an activation's
 * gradient is δ, with the penalty {@code Tanh} fl(δ + fl(c s ν sech²(s ν a))); where the latent is
 * active that is the gradient of pre. Thresholds get, in double,
 *
 * <pre>
 * −(θ / bandwidth) Σ_rect (gradient of a) − (1 / bandwidth) Σ_rect (gradient of L0)
 * </pre>
 *
 * <p>and the vector that is trained what follows by the form of θ.
 */
public final class JumpReluForm extends ActivityForm {
  /** A little more than rounding takes from the edge of the rectangle. */
  private static final double EDGE = 1e-5;

  private final JumpRelu gate;
  private final Penalty penalty;
  private final float[] theta;
  private final float[] floors;

  /** By latent, the sum over the rectangle of gradients of activations. */
  private final double[] inRectangle;

  /** By latent, the same of L0, before the factor −1/bandwidth. */
  private final double[] countGradients;

  /**
   * By latent, the number of rows in the rectangle that {@link Penalty.Quadratic} of a batch sees.
   */
  private final long[] inOtherRectangle;

  private final long[] activeRows;
  private final double[] perLatent;
  private final OrderedSums.Blocks rowPenalties = new OrderedSums.Blocks();

  JumpReluForm(Step step, JumpRelu gate) {
    super(step);
    this.gate = gate;
    this.penalty = sparsity == null ? null : sparsity.penalty();
    theta = gate.theta(state);
    floors = new float[n];
    for (int i = 0; i < n; i++) {
      double edge = 0.5 * gate.bandwidth();
      floors[i] = (float) (theta[i] - edge - EDGE * (edge + Math.abs(theta[i])));
    }
    inRectangle = new double[n];
    countGradients = new double[n];
    inOtherRectangle = new long[n];
    activeRows = new long[n];
    perLatent = new double[n];
    if (penalty instanceof Penalty.Tanh tanh) {
      for (int i = 0; i < n; i++) {
        perLatent[i] = tanh.scale() * norms[i];
      }
    }
  }

  /**
   * A threshold.
   *
   * @param latent the latent
   * @return θ
   */
  public float theta(int latent) {
    return theta[latent];
  }

  @Override
  public float[] floors() {
    return floors;
  }

  private boolean inRectangle(float value, int latent) {
    float distance = (value - theta[latent]) / gate.bandwidth();
    return distance > -0.5f && distance < 0.5f;
  }

  @Override
  public void activate(ActivityTile tile) {
    for (int at = 0; at < tile.size(); at++) {
      int i = tile.latents[at];
      boolean above = tile.kept[at] > theta[i];
      tile.acts[at] = above ? tile.kept[at] : 0f;
      if (above) {
        activeRows[i]++;
        count(i, tile.acts[at]);
      }
    }
  }

  @Override
  public void backward(ActivityTile tile) {
    for (int b = 0; b < tile.rows; b++) {
      double slopeOfCount = slopeOfCount(tile, b);
      for (int at = tile.starts[b]; at < tile.starts[b + 1]; at++) {
        int i = tile.latents[at];
        float pre = tile.kept[at];
        boolean above = pre > theta[i];
        float delta = tile.deltas[at];
        if (penalty instanceof Penalty.Tanh tanh) {
          delta += tanh(tile.acts[at], i, tanh);
        }
        if (inRectangle(pre, i)) {
          inRectangle[i] += delta;
          countGradients[i] += slopeOfCount;
        }
        if (above && inRectangle(tile.acts[at], i)) {
          inOtherRectangle[i]++;
        }
        tile.deltas[at] = above ? delta : 0f;
        productSums[i] += tile.deltas[at];
      }
      if (penalty instanceof Penalty.Tanh) {
        rowPenalties.add(rowPenalty);
        rowPenalty = 0;
      }
    }
  }

  /** The penalty of the row so far. */
  private double rowPenalty;

  private float tanh(float activation, int i, Penalty.Tanh tanh) {
    double y = perLatent[i] * activation;
    double decay = Tanh.decay(y);
    double slope = coefficient / batch * Tanh.slope(decay);
    rowPenalty += activation == 0 ? 0 : Tanh.value(y, decay);
    normGradients[i] += slope * tanh.scale() * activation;
    return (float) (slope * perLatent[i]);
  }

  /** The gradient of a row's penalty by its number of active latents. */
  private double slopeOfCount(ActivityTile tile, int b) {
    if (penalty instanceof Penalty.L0) {
      return coefficient / batch;
    }
    if (penalty instanceof Penalty.Quadratic(double target, Penalty.Quadratic.Count of)
        && of == Penalty.Quadratic.Count.ROWS) {
      int count = 0;
      for (int at = tile.starts[b]; at < tile.starts[b + 1]; at++) {
        count += tile.kept[at] > theta[tile.latents[at]] ? 1 : 0;
      }
      double off = count / target - 1;
      rowPenalties.add(off * off);
      return coefficient / batch * 2 * off / target;
    }
    return 0;
  }

  @Override
  public double penalty() {
    return switch (penalty) {
      case null -> 0;
      case Penalty.L0 _ -> countAbove() / batch;
      case Penalty.Quadratic(double target, Penalty.Quadratic.Count of)
          when of == Penalty.Quadratic.Count.BATCH_OF_ACTIVATIONS -> {
        double off = countAbove() / batch / target - 1;
        yield off * off;
      }
      default -> rowPenalties.total() / batch;
    };
  }

  /** How many activations, zeros included where the penalty is of activations, lie above θ. */
  private double countAbove() {
    boolean zeros = ofActivations();
    long total = 0;
    for (int i = 0; i < n; i++) {
      total += zeros && theta[i] < 0 ? batch : activeRows[i];
    }
    return total;
  }

  private boolean ofActivations() {
    return penalty instanceof Penalty.Quadratic quadratic
        && quadratic.of() == Penalty.Quadratic.Count.BATCH_OF_ACTIVATIONS;
  }

  @Override
  public void finish(Function<String, Matrix> gradients) {
    double slope = 0;
    if (ofActivations()) {
      double target = ((Penalty.Quadratic) penalty).target();
      slope = coefficient / batch * 2 * (countAbove() / batch / target - 1) / target;
    }
    Matrix out = gradients.apply(gate.parameters().getFirst());
    Matrix trained = state.parameter(gate.parameters().getFirst()).value();
    for (int i = 0; i < n; i++) {
      double counts = countGradients[i];
      if (ofActivations()) {
        long rows = inOtherRectangle[i] + (inRectangle(0f, i) ? batch - activeRows[i] : 0);
        counts = slope * rows;
      }
      double gradient = -(theta[i] * inRectangle[i] + counts) / gate.bandwidth() + direct(i);
      out.set(
          0,
          i,
          (float)
              switch (gate.form()) {
                case RELU -> trained.get(0, i) > 0 ? gradient : 0;
                case PLAIN -> gradient;
                case LOG -> gradient * theta[i];
              });
    }
  }

  private double[] direct;

  private double direct(int latent) {
    return direct == null ? 0 : direct[latent];
  }

  /** Adds to the gradient of θ what does not come from the rectangle. */
  public void addDirect(int latent, double gradient) {
    if (direct == null) {
      direct = new double[n];
    }
    direct[latent] += gradient;
  }
}
