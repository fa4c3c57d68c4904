package io.github.sae4j.internal.activity;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Sparsity.Penalty.Norm;
import io.github.sae4j.step.TrainedGate.Gated;
import java.util.function.Function;

/**
 * The gated form: candidates are the latents whose gate is open, π = fl(z + b_gate) &gt; 0; a =
 * relu(fma(z, gain, b_mag)). With δ and δ_π the gradients at the outputs of both reconstructions
 * times the decoder's row, and c the coefficient over the rows of the batch,
 *
 * <pre>
 * dπ = δ_π + fl(c ν^q)
 * da = δ where a &gt; 0, else 0
 * dz = fma(da, gain, dπ)
 * </pre>
 *
 * <p>b_gate gets Σ dπ, b_mag Σ da, r_mag gain · Σ da z, and W_enc the chain of dz, each over
 * ascending rows.
 */
final class GatedForm extends ActivityForm {
  private final double[] scales;
  private final float[] perLatent;
  private final float[] floors;
  private final float[] gain;
  private final float[] magnitudeBias;
  private final float[] gateBias;
  private final double[] gateSums;
  private final double[] gateGradients;
  private final double[] biasGradients;
  private final double[] gainGradients;
  private final int power;
  private final boolean reconstructs;

  GatedForm(Step step, Gated gate) {
    super(step);
    power = sparsity == null ? 0 : ((Norm) sparsity.penalty()).normPower();
    scales = powers(power);
    perLatent = new float[n];
    for (int i = 0; i < n; i++) {
      perLatent[i] = (float) (coefficient / batch * scales[i]);
    }
    floors = new float[n];
    gain = gate.gain(state);
    magnitudeBias = state.parameter(Gated.B_MAG).value().toArray();
    gateBias = state.bEnc().toArray();
    gateSums = new double[n];
    gateGradients = new double[n];
    biasGradients = new double[n];
    gainGradients = new double[n];
    reconstructs = step.spec().objective().find(GateReconstruction.class).isPresent();
  }

  @Override
  public float[] floors() {
    return floors;
  }

  @Override
  boolean keepsProducts() {
    return true;
  }

  @Override
  public boolean hasGates() {
    return reconstructs;
  }

  @Override
  public void activate(ActivityTile tile) {
    for (int at = 0; at < tile.size(); at++) {
      int i = tile.latents[at];
      float z = tile.kept[at];
      float magnitude = Math.fma(z, gain[i], magnitudeBias[i]);
      tile.acts[at] = magnitude > 0 ? magnitude : 0f;
      float open = z + gateBias[i];
      gateSums[i] += open;
      if (reconstructs) {
        tile.gates[at] = open;
      }
      count(i, tile.acts[at]);
    }
  }

  @Override
  public void backward(ActivityTile tile) {
    for (int at = 0; at < tile.size(); at++) {
      int i = tile.latents[at];
      float open = (reconstructs ? tile.gateDeltas[at] : 0f) + perLatent[i];
      float magnitude = tile.acts[at] > 0 ? tile.deltas[at] : 0f;
      gateGradients[i] += open;
      biasGradients[i] += magnitude;
      gainGradients[i] += (double) magnitude * tile.kept[at];
      tile.deltas[at] = Math.fma(magnitude, gain[i], open);
      productSums[i] += tile.deltas[at];
    }
  }

  @Override
  public double penalty() {
    double total = 0;
    for (int i = 0; i < n; i++) {
      total += scales[i] * gateSums[i];
    }
    return total / batch;
  }

  @Override
  public void finishBias(Matrix gradient) {
    write(gateGradients, gradient);
  }

  @Override
  public void finish(Function<String, Matrix> gradients) {
    for (int i = 0; i < n; i++) {
      gainGradients[i] *= gain[i];
      if (power > 0) {
        double slope = power == 1 ? 1 : 2 * norms[i];
        normGradients[i] = coefficient / batch * gateSums[i] * slope;
      }
    }
    write(biasGradients, gradients.apply(Gated.B_MAG));
    write(gainGradients, gradients.apply(Gated.R_MAG));
  }
}
