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
 * @param pairs what stands beside the input in a row of a batch
 * @param skip whether W_skip, {@code [d_out, d_in]}, maps the input to the output as well
 * @param tied whether encoder and decoder are one matrix
 */
public record StepShape(
    int dIn,
    int dOut,
    int dSae,
    int rows,
    int microBatchRows,
    Pairs pairs,
    boolean skip,
    boolean tied) {
  /** Checks the ranges. */
  public StepShape {
    Shapes.expect(dIn >= 1, "d_in", "at least 1", dIn);
    Shapes.expect(dOut >= 1, "d_out", "at least 1", dOut);
    Shapes.expect(dSae >= 1, "d_sae", "at least 1", dSae);
    Shapes.expect(rows >= 1, "batch rows", "at least 1", rows);
    long elements = (long) rows * (pairs == Pairs.NONE ? dIn : (long) dIn + dOut);
    Shapes.expect(
        elements <= Integer.MAX_VALUE - 64,
        "train_batch_size",
        "fewer than 2^31 values in a step's rows of width " + (elements / rows),
        elements);
    Shapes.expect(
        microBatchRows >= 1 && microBatchRows <= rows,
        "micro-batch rows",
        "1 to " + rows,
        microBatchRows);
    Shapes.expect(
        pairs == Pairs.TARGETS || dOut == dIn,
        "d_out",
        "d_in = " + dIn + ": a step without targets reconstructs its input",
        dOut);
    Shapes.expect(
        pairs == Pairs.TARGETS || !skip, "skip_connection", "false without targets", skip);
    Shapes.expect(pairs != Pairs.TARGETS || !tied, "tied weights", "false with targets", tied);
  }

  /**
   * Sizes of a step that reconstructs its input.
   *
   * @param dIn width of the input
   * @param dOut width of the output, which is the same
   * @param dSae number of latents
   * @param rows most rows of one step, all micro-batches together
   * @param microBatchRows rows of a micro-batch
   */
  public StepShape(int dIn, int dOut, int dSae, int rows, int microBatchRows) {
    this(dIn, dOut, dSae, rows, microBatchRows, Pairs.NONE, false, false);
  }

  /**
   * Values of a row of a batch.
   *
   * @return d_in, and where rows are pairs the width of the other row
   */
  public int batchWidth() {
    return pairs == Pairs.NONE ? dIn : dIn + dOut;
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
        x.rows() >= 1 && x.rows() <= rows && x.cols() == batchWidth(),
        "x",
        "1 to " + rows + " rows of width " + batchWidth(),
        x.shape());
  }
}
