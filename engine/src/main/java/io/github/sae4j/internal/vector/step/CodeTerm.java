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
 * @param differentiates whether the gradients of the codes are formed here, with those of W_dec:
 *     both read the same rows
 * @param gated whether codes that are not positive have no gradient; read where gradients are
 *     formed here
 * @param memory holds the encoder's input
 */
record CodeTerm(
    HeapCodes codes,
    float[] gradient,
    NestedLevels levels,
    boolean differentiates,
    boolean gated,
    StepScratch memory)
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
      sum += codes.deltasByLatent[p];
    }
    return sum;
  }

  @Override
  public void addTo(Side side, int latent, int at, StepScratch.Worker scratch) {
    Arrays.fill(scratch.term, 0f);
    form(side, latent, at, scratch, scratch.term);
    RowArithmetic.add(scratch.gradient, 0, scratch.term, 0, memory.padded);
  }

  private float[] gradientOf(int latent) {
    return levels == null ? gradient : levels.gradient(levels.levelOf(latent), gradient);
  }

  /**
   * Forms a latent's gradient row, and before that of W_dec the gradients of its codes if they are
   * still to be formed.
   *
   * @param side whose row
   * @param latent the latent
   * @param at where its row of W_dec lies among the scratch's; read if gradients of codes are
   *     formed
   * @param scratch scratch of the calling worker
   * @param row receives the gradient row: chains that continue from its content
   */
  void form(Side side, int latent, int at, StepScratch.Worker scratch, float[] row) {
    if (differentiates && side == Side.DECODER) {
      differentiate(latent, scratch.decoderRows, at, scratch, row);
    } else {
      accumulate(side, latent, scratch, row);
    }
  }

  /** The gradients of the codes and that of the decoder row read rows that are then in L1. */
  private void differentiate(
      int latent, float[] weights, int at, StepScratch.Worker scratch, float[] row) {
    int from = codes.byLatent.from(latent);
    int count = codes.byLatent.to(latent) - from;
    int padded = memory.padded;
    float[] rows = gradientOf(latent);
    int[] rowAt = rowsOf(from, count, scratch);
    float[] deltas = codes.deltasByLatent;
    for (int p = 0; p < count; p += StepScratch.SAMPLES) {
      int some = Math.min(StepScratch.SAMPLES, count - p);
      RowArithmetic.dots(weights, at, rows, rowAt, p, some, padded, deltas, from + p);
      RowArithmetic.combine(codes.valuesByLatent, from + p, rowAt, p, some, rows, padded, row, 0);
    }
    if (gated) {
      for (int p = from; p < from + count; p++) {
        deltas[p] = codes.valuesByLatent[p] > 0 ? deltas[p] : 0f;
      }
    }
  }

  /** Number of codes of a latent. */
  int count(int latent) {
    return codes.byLatent.to(latent) - codes.byLatent.from(latent);
  }

  /** Chains over ascending samples that continue from a row's content. */
  void accumulate(Side side, int latent, StepScratch.Worker scratch, float[] row) {
    int from = codes.byLatent.from(latent);
    int count = codes.byLatent.to(latent) - from;
    int padded = memory.padded;
    float[] weights = side == Side.DECODER ? codes.valuesByLatent : codes.deltasByLatent;
    float[] rows = side == Side.DECODER ? gradientOf(latent) : memory.input;
    int[] rowAt = rowsOf(from, count, scratch);
    RowArithmetic.combine(weights, from, rowAt, 0, count, rows, padded, row, 0);
  }

  /** Where the rows of a latent's samples begin. */
  private int[] rowsOf(int from, int count, StepScratch.Worker scratch) {
    int[] at = scratch.samples(count);
    int[] rows = codes.byLatent.rows();
    for (int p = 0; p < count; p++) {
      at[p] = rows[from + p] * memory.padded;
    }
    return at;
  }
}
