package io.github.sae4j.step;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;

/**
 * Sizes of a training step.
 *
 * @param dIn width of the input
 * @param dOut width of the output
 * @param dSae number of latents
 * @param rows most rows of one step, all micro-batches together
 * @param microBatchRows rows of a micro-batch: losses and their normalisers are formed per
 *     micro-batch and averaged over them (gradient accumulation)
 */
public record StepShape(int dIn, int dOut, int dSae, int rows, int microBatchRows) {
  /** Checks the ranges. */
  public StepShape {
    Shapes.expect(dIn >= 1, "d_in", "at least 1", dIn);
    Shapes.expect(dOut >= 1, "d_out", "at least 1", dOut);
    Shapes.expect(dSae >= 1, "d_sae", "at least 1", dSae);
    Shapes.expect(rows >= 1, "batch rows", "at least 1", rows);
    long elements = (long) rows * Math.max(dIn, dOut);
    Shapes.expect(
        elements <= Integer.MAX_VALUE - 64,
        "train_batch_size",
        "fewer than 2^31 values in a step's rows of width " + Math.max(dIn, dOut),
        elements);
    Shapes.expect(
        microBatchRows >= 1 && microBatchRows <= rows,
        "micro-batch rows",
        "1 to " + rows,
        microBatchRows);
  }

  /**
   * Micro-batches of a batch.
   *
   * @param rows rows of the batch
   * @return their number; the last may be short
   */
  public int microBatches(int rows) {
    return Math.ceilDiv(rows, microBatchRows);
  }

  /**
   * Requires a batch that fits.
   *
   * @param x the batch
   * @throws IllegalArgumentException if it has no rows, too many rows or another width
   */
  public void expectBatch(Matrix x) {
    Shapes.expect(
        x.rows() >= 1 && x.rows() <= rows && x.cols() == dIn,
        "x",
        "1 to " + rows + " rows of width " + dIn,
        x.shape());
  }
}
