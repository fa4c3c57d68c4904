package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.FiniteRows;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.files.BackgroundThread;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.util.concurrent.Future;

/**
 * Batches of consecutive rows and of the rows that outputs are compared with. The device's threads
 * read the first; while a batch is used, a thread of its own reads the next.
 */
final class BatchesAhead implements AutoCloseable {
  /**
   * A batch, valid until the next one is asked for.
   *
   * @param first number of its first row
   * @param x inputs
   * @param y what outputs are compared with; {@code x} itself for an autoencoder
   */
  record Batch(long first, Matrix x, Matrix y) {}

  private final ActivationSource source;
  private final ActivationSource targets;
  private final int most;
  private final Matrix[] xs;
  private final Matrix[] ys;

  /** Null if all rows are in one batch. */
  private final BackgroundThread reader;

  private Batch upcoming;
  private Future<Batch> later;

  /**
   * Reads the first batch and begins with the second.
   *
   * @param device its threads read the first batch
   * @param source inputs
   * @param targets as many rows; {@code source} itself for an autoencoder
   * @param memory for what the second batch takes
   * @param x room for a batch of inputs
   * @param y room for a batch of targets; {@code x} itself for an autoencoder
   * @param read whether {@code y} holds the targets of the first batch already
   */
  BatchesAhead(
      Device device,
      ActivationSource source,
      ActivationSource targets,
      OffHeap memory,
      Matrix x,
      Matrix y,
      boolean read)
      throws IOException {
    this.source = source;
    this.targets = targets;
    this.most = x.rows();
    if (!read) {
      RowParts.read(device, targets, 0, y);
    }
    if (x != y) {
      RowParts.read(device, source, 0, x);
      if (source.readsInPlace()) {
        RowParts.run(
            device,
            0,
            most,
            (part, from, count) -> FiniteRows.expect(x.rows(from, count), source, from));
      } else {
        FiniteRows.expect(x, source, 0); // a complaint reads the row again
      }
    }
    upcoming = new Batch(0, x, y);
    if (most == source.rows()) {
      xs = ys = null;
      reader = null;
      return;
    }
    Matrix otherX = memory.matrix(most, x.cols());
    xs = new Matrix[] {x, otherX};
    ys = new Matrix[] {y, x == y ? otherX : memory.matrix(most, y.cols())};
    reader = new BackgroundThread("sae4j-reader");
  }

  /**
   * The next batch, in the order of the rows.
   *
   * @return the batch, or null at the end
   * @throws IOException if reading it failed; {@link io.github.sae4j.data.BadRowException} if an
   *     input that is not a target too holds NaN or an infinity
   */
  Batch next() throws IOException {
    Batch batch = later == null ? upcoming : BackgroundThread.result(later);
    upcoming = null;
    later = null;
    if (batch != null && reader != null) {
      long then = batch.first() + batch.x().rows();
      if (then < source.rows()) {
        later = reader.submit(() -> read(then));
      }
    }
    return batch;
  }

  private Batch read(long first) throws IOException {
    int count = (int) Math.min(most, source.rows() - first);
    int turn = (int) (first / most % 2);
    Matrix x = xs[turn].firstRows(count);
    source.readRange(first, count, x);
    if (ys[turn] == xs[turn]) {
      return new Batch(first, x, x);
    }
    FiniteRows.expect(x, source, first);
    Matrix y = ys[turn].firstRows(count);
    targets.readRange(first, count, y);
    return new Batch(first, x, y);
  }

  /** Waits until nothing is read any more. */
  @Override
  public void close() {
    if (reader != null) {
      reader.close();
    }
  }
}
