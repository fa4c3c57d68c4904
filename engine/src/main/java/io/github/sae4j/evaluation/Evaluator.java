package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.BatchesAhead.Batch;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Evaluates an SAE on rows of activations, in two passes: the mean of all rows first, then the
 * metrics. Memory does not grow with the number of rows: two batches of them are in it, since the
 * next is read while one is computed. For the held-out rows of a run, pass {@link
 * io.github.sae4j.data.Split#heldOut}.
 */
public final class Evaluator {
  /** Rows of a batch, SAELens's default of a training batch. */
  public static final int BATCH_ROWS = 4096;

  /** Initial capacity of a row's codes where their number is not fixed; it grows. */
  private static final int SOME_LATENTS = 128;

  /** Receives what an evaluation computes on its way. */
  public interface Observer {
    /** Ignores everything. */
    Observer NONE = (first, codes, squaredErrors) -> {};

    /**
     * A batch was encoded and decoded.
     *
     * @param first number of its first row in the source
     * @param codes the codes of its rows; valid during the call only
     * @param squaredErrors ‖e‖² of each of its rows
     * @throws IOException ends the evaluation
     */
    void batch(long first, SparseCodes codes, float[] squaredErrors) throws IOException;
  }

  private final SparseAutoencoder sae;
  private final int batchRows;
  private final int recallRows;

  /**
   * An evaluator with batches of {@value #BATCH_ROWS} rows.
   *
   * @param sae the SAE
   */
  public Evaluator(SparseAutoencoder sae) {
    this(sae, BATCH_ROWS);
  }

  /**
   * An evaluator.
   *
   * @param sae the SAE
   * @param batchRows rows of a batch, at least 1; only the legacy metrics depend on it
   */
  public Evaluator(SparseAutoencoder sae, int batchRows) {
    this(sae, batchRows, 0);
  }

  private Evaluator(SparseAutoencoder sae, int batchRows, int recallRows) {
    Shapes.expect(batchRows >= 1, "batch rows", "at least 1", batchRows);
    this.sae = sae;
    this.batchRows = batchRows;
    this.recallRows = recallRows;
  }

  /**
   * The same evaluator, which also measures how well codes keep the neighbours of rows.
   *
   * @param rows rows of the sample at most ({@link NeighbourRecall#of}); 0 for none
   * @return another evaluator
   */
  public Evaluator withRecall(int rows) {
    return new Evaluator(sae, batchRows, rows);
  }

  /**
   * Evaluates an autoencoder on all rows of a source.
   *
   * @param source rows of width {@code d_in}
   * @return the metrics
   * @throws IllegalArgumentException if the width is not the SAE's {@code d_in}, or it is a
   *     transcoder
   * @throws BadFileException if a row holds NaN or an infinity, or is too large for the weights;
   *     names file and row
   * @throws IOException if reading fails
   */
  public Metrics evaluate(ActivationSource source) throws IOException {
    Shapes.expect(
        !sae.config().transcoder(),
        "SAE",
        "an autoencoder, or the rows that a transcoder's output approximates",
        "a transcoder");
    return evaluate(source, source);
  }

  /**
   * Evaluates on rows as training takes them: a transcoder on pairs of inputs and targets, an
   * autoencoder on the inputs.
   *
   * @param rows inputs, or pairs ({@link RowViews})
   * @return the metrics
   * @throws IllegalArgumentException if a width does not fit, or a transcoder has no targets
   * @throws BadFileException as for {@link #evaluate(ActivationSource)}
   * @throws IOException if reading fails
   */
  public Metrics evaluateAsTrained(ActivationSource rows) throws IOException {
    ActivationSource inputs = RowViews.inputs(rows);
    return sae.config().transcoder() ? evaluate(inputs, RowViews.others(rows)) : evaluate(inputs);
  }

  /**
   * Evaluates on pairs of rows: a transcoder's inputs and the targets of its outputs.
   *
   * @param source rows of width {@code d_in}
   * @param targets as many rows of width {@code d_out}, with which outputs are compared
   * @return the metrics, in whose definitions x is a row of {@code targets}
   * @throws IllegalArgumentException if a width or the numbers of rows do not fit
   * @throws BadFileException if a row holds NaN or an infinity, or is too large for the weights;
   *     names file and row
   * @throws IOException if reading fails
   */
  public Metrics evaluate(ActivationSource source, ActivationSource targets) throws IOException {
    return evaluate(source, targets, Observer.NONE);
  }

  /**
   * The same, showing on the way what is computed of each batch.
   *
   * @param source rows of width {@code d_in}
   * @param targets as many rows of width {@code d_out}; {@code source} itself for an autoencoder
   * @param observer receives each batch, in the order of the rows
   * @return the metrics, bit for bit those without an observer
   * @throws IllegalArgumentException if a width or the numbers of rows do not fit
   * @throws BadFileException if a row holds NaN or an infinity, or is too large for the weights;
   *     names file and row
   * @throws IOException if reading fails, or the observer throws it
   */
  public Metrics evaluate(ActivationSource source, ActivationSource targets, Observer observer)
      throws IOException {
    int d = sae.config().dIn();
    int wide = sae.config().dOut();
    Shapes.expect(source.width() == d, "activations", "rows of width d_in = " + d, source.width());
    Shapes.expect(
        targets.width() == wide, "targets", "rows of width d_out = " + wide, targets.width());
    Shapes.expect(
        targets.rows() == source.rows(), "targets", source.rows() + " rows", targets.rows());
    int most = (int) Math.min(batchRows, source.rows());
    Device device = sae.device();
    try (OffHeap memory = device.openMemory()) {
      Matrix x = memory.matrix(most, d);
      Matrix y = targets == source ? x : memory.matrix(most, wide);
      Matrix out = memory.matrix(most, wide);
      SparseCodes codes = memory.codes(most, Math.min(SOME_LATENTS, sae.config().mostLatents()));
      Matrix mean = mean(targets, y, memory);
      MetricSums sums = new MetricSums(device, memory, mean, most, sae.config().dSae());
      boolean oneBatch = most == source.rows(); // y holds it since its mean was formed
      try (BatchesAhead batches =
          new BatchesAhead(device, source, targets, memory, x, y, oneBatch)) {
        for (Batch batch = batches.next(); batch != null; batch = batches.next()) {
          int count = batch.x().rows();
          encode(source, batch, codes.firstRows(count));
          sae.decode(codes.firstRows(count), batch.x(), out.firstRows(count));
          float[] errors = sums.add(batch.y(), out.firstRows(count), codes.firstRows(count));
          observer.batch(batch.first(), codes.firstRows(count), errors);
        }
      }
      Metrics metrics = sums.metrics();
      return recallRows == 0
          ? metrics
          : metrics.withRecall(NeighbourRecall.of(sae, source, recallRows));
    }
  }

  private void encode(ActivationSource source, Batch batch, SparseCodes codes)
      throws BadFileException {
    try {
      sae.encode(batch.x(), codes);
    } catch (NonFiniteException e) {
      RowOrigin origin = source.origin(batch.first() + e.row());
      throw new BadFileException(
          Path.of(origin.source()),
          "row "
              + origin.row()
              + " is too large for the weights: the pre-activation of latent "
              + e.latent()
              + " is "
              + e.value());
    }
  }

  /** The mean of all rows, through room for some of them, which it leaves the last of them in. */
  private Matrix mean(ActivationSource rows, Matrix room, OffHeap memory) throws IOException {
    MeanOfRows sums = new MeanOfRows(rows);
    for (long first = 0; first < rows.rows(); first += room.rows()) {
      sums.add(sae.device(), room.firstRows((int) Math.min(room.rows(), rows.rows() - first)));
    }
    Matrix mean = memory.vector(rows.width());
    sums.write(mean);
    return mean;
  }
}
