package io.github.sae4j.internal.vector.step;

import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.select.HeapCodes;
import java.util.Arrays;

/**
 * The gradient by latent of codes: sums of rows of the batch over the samples that selected the
 * latent, in ascending order.
 *
 * @param codes codes, their gradients, and both by latent
 * @param gradient gradient at the codes' reconstruction, {@code [rows, padded]}
 * @param levels the gradients of latents that are part of narrower reconstructions; or null
 * @param memory holds the encoder's input
 */
record CodeTerm(HeapCodes codes, float[] gradient, NestedLevels levels, StepScratch memory)
    implements LatentTerm {
  @Override
  public boolean touches(int latent) {
    return codes.byLatent.from(latent) < codes.byLatent.to(latent);
  }

  @Override
  public float biasGradient(int latent) {
    float sum = 0f;
    int to = codes.byLatent.to(latent);
    for (int p = codes.byLatent.from(latent); p < to; p++) {
      sum += codes.deltas[codes.byLatent.place(p)];
    }
    return sum;
  }

  @Override
  public void addTo(Side side, int latent, StepScratch.Worker scratch) {
    Arrays.fill(scratch.term, 0f);
    accumulate(side, latent, scratch, scratch.term);
    RowArithmetic.add(scratch.gradient, 0, scratch.term, 0, memory.padded);
  }

  private float[] gradientOf(int latent) {
    return levels == null ? gradient : levels.gradient(levels.levelOf(latent), gradient);
  }

  /** Chains over ascending samples that continue from a row's content. */
  void accumulate(Side side, int latent, StepScratch.Worker scratch, float[] row) {
    int from = codes.byLatent.from(latent);
    int count = codes.byLatent.to(latent) - from;
    int padded = memory.padded;
    scratch.samples(count);
    float[] weights = side == Side.DECODER ? codes.values : codes.deltas;
    float[] rows = side == Side.DECODER ? gradientOf(latent) : memory.input;
    for (int p = 0; p < count; p++) {
      int place = codes.byLatent.place(from + p);
      scratch.weights[p] = weights[place];
      scratch.rowAt[p] = codes.byLatent.row(from + p) * padded;
    }
    RowArithmetic.combine(scratch.weights, 0, scratch.rowAt, 0, count, rows, padded, row, 0);
  }
}
