package io.github.sae4j.data;

import io.github.sae4j.internal.files.BackgroundThread;
import io.github.sae4j.internal.flight.Flight;
import io.github.sae4j.internal.flight.Phase;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.RowOrder;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/**
 * An endless stream of shuffled batches. Each epoch is one {@link RowOrder} of the source's rows;
 * epochs are concatenated, and the stream's positions count rows from the first epoch's first. A
 * stream may start at any position at no cost, and serves the same rows there as a stream that
 * started at 0.
 *
 * <p>Every row is checked as it is read, before anything is computed from it: one that is not
 * finite, or whose squared length is not, is an error, or left out as {@link RowRules} say. Rows
 * left out keep their place: their batch is shorter, possibly empty, and no other row moves.
 *
 * <p>A background thread reads the next batch while the caller uses the current one; two matrices
 * alternate. The source must not change and must stay open until the stream is closed. Not
 * thread-safe.
 */
public final class BatchStream implements Batches {
  private final ActivationSource source;
  private final long seed;
  private final int batchRows;
  private final long end;
  private final RowRules rules;
  private final OffHeap memory;
  private final Matrix[] buffers;
  private final Flight.Span reading = Flight.phase(Phase.READING);
  private final BackgroundThread reader = new BackgroundThread("sae4j-reader");

  /** The caller's position, and the batch that starts there, or null at the end. */
  private long position;

  private Future<Batch> upcoming;
  private int turn;
  private long nanosWaited;

  /**
   * A stream with two matrices of its own, {@code [batchRows, d_in]} each, freed when it is closed.
   *
   * @param source rows to serve, such as {@link Split#training}
   * @param seed the shuffle's seed
   * @param batchRows rows of a batch, at least 1; may exceed the source's
   * @param start position of the first row to serve, at least 0
   * @param end position after the last row to serve, at least {@code start}; the last batch is
   *     short if it falls inside one
   * @throws IllegalArgumentException if a number is out of range
   */
  public BatchStream(ActivationSource source, long seed, int batchRows, long start, long end) {
    this(source, seed, batchRows, start, end, RowRules.ALL);
  }

  /**
   * The same, with rows left out.
   *
   * @param source rows to serve, such as {@link Split#training}
   * @param seed the shuffle's seed
   * @param batchRows rows of a batch, at least 1; may exceed the source's
   * @param start position of the first row to serve, at least 0
   * @param end position after the last row to serve, at least {@code start}
   * @param rules which rows are left out
   * @throws IllegalArgumentException if a number is out of range
   */
  public BatchStream(
      ActivationSource source, long seed, int batchRows, long start, long end, RowRules rules) {
    this(source, seed, batchRows, start, end, rules, new OffHeap(), null);
  }

  /**
   * A stream that fills the caller's matrices in turn, so that a device may serve its own memory.
   *
   * @param source rows to serve, such as {@link Split#training}
   * @param seed the shuffle's seed
   * @param start position of the first row to serve, at least 0
   * @param end position after the last row to serve, at least {@code start}
   * @param first {@code [batchRows, d_in]}, at least one row
   * @param second another of the same shape
   * @throws IllegalArgumentException if a number is out of range or the shapes do not fit
   */
  public BatchStream(
      ActivationSource source, long seed, long start, long end, Matrix first, Matrix second) {
    this(source, seed, start, end, RowRules.ALL, first, second);
  }

  /**
   * The same, with rows left out.
   *
   * @param source rows to serve, such as {@link Split#training}
   * @param seed the shuffle's seed
   * @param start position of the first row to serve, at least 0
   * @param end position after the last row to serve, at least {@code start}
   * @param rules which rows are left out
   * @param first {@code [batchRows, d_in]}, at least one row
   * @param second another of the same shape
   * @throws IllegalArgumentException if a number is out of range or the shapes do not fit
   */
  public BatchStream(
      ActivationSource source,
      long seed,
      long start,
      long end,
      RowRules rules,
      Matrix first,
      Matrix second) {
    this(source, seed, first.rows(), start, end, rules, null, new Matrix[] {first, second});
  }

  private BatchStream(
      ActivationSource source,
      long seed,
      int batchRows,
      long start,
      long end,
      RowRules rules,
      OffHeap memory,
      Matrix[] buffers) {
    if (batchRows < 1) {
      throw new IllegalArgumentException("batchRows: expected at least 1, got " + batchRows);
    }
    if (start < 0 || end < start) {
      throw new IllegalArgumentException(
          "stream: expected 0 <= start <= end, got start " + start + " and end " + end);
    }
    if (source.rows() < 1) {
      throw new IllegalArgumentException("source: expected at least one row, got none");
    }
    this.source = source;
    this.seed = seed;
    this.batchRows = batchRows;
    this.end = end;
    this.rules = rules;
    this.memory = memory;
    this.position = start;
    this.buffers = buffers != null ? buffers : allocate();
    for (Matrix buffer : this.buffers) {
      RowChecks.target(batchRows(start), buffer, source.width());
    }
    upcoming = request(0);
  }

  /**
   * Whether there is a batch left.
   *
   * @return false once the stream's end is reached
   */
  public boolean hasNext() {
    return position < end;
  }

  /**
   * The next batch: places {@code position} to {@code position + batchRows} of the stream. Waits
   * for it to be read. The previous batch's matrix is reused from now on.
   *
   * @return the batch
   * @throws NoSuchElementException at the stream's end
   * @throws IllegalStateException if the stream is closed
   * @throws BadRowException if a row is not finite and none are to be left out, now and at every
   *     further call
   * @throws IOException if reading the batch failed, now and at every further call
   */
  @Override
  public Batch next() throws IOException {
    if (reader.isClosed()) {
      throw new IllegalStateException("the batch stream is closed");
    }
    if (!hasNext()) {
      throw new NoSuchElementException("the batch stream ended at row " + end);
    }
    Batch batch = await();
    position += batch.places();
    turn = 1 - turn;
    upcoming = request(turn);
    return batch;
  }

  /**
   * The stream's position.
   *
   * @return position of the next batch's first place: rows served or left out so far, including
   *     those before the start
   */
  public long position() {
    return position;
  }

  /**
   * Total time that {@link #next} has waited for data.
   *
   * @return seconds
   */
  @Override
  public double secondsWaited() {
    return nanosWaited * 1e-9;
  }

  /** Stops reading and frees the stream's own matrices; waits for a read in progress. */
  @Override
  public void close() {
    reader.close();
    if (memory != null) {
      memory.close();
    }
  }

  private Matrix[] allocate() {
    int rows = batchRows(position);
    return new Matrix[] {memory.matrix(rows, source.width()), memory.matrix(rows, source.width())};
  }

  private int batchRows(long from) {
    return (int) Math.min(batchRows, end - from);
  }

  private Batch await() throws IOException {
    long began = System.nanoTime();
    try {
      return upcoming.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException stopped = new InterruptedIOException("interrupted while reading");
      stopped.initCause(e);
      throw stopped;
    } catch (ExecutionException e) {
      throw BackgroundThread.failure(e);
    } finally {
      nanosWaited += System.nanoTime() - began;
    }
  }

  private Future<Batch> request(int buffer) {
    long from = position;
    int count = batchRows(from);
    return count == 0
        ? CompletableFuture.completedFuture(null)
        : reader.submit(() -> readBatch(from, buffers[buffer].firstRows(count)));
  }

  private Batch readBatch(long from, Matrix x) throws IOException {
    reading.begin();
    Batch batch = readRows(from, x);
    reading.end(0, batch.rows());
    return batch;
  }

  private Batch readRows(long from, Matrix x) throws IOException {
    long rows = source.rows();
    int places = x.rows();
    long[] rowIds = new long[places];
    int[] kept = new int[places]; // places whose rows take part
    int count = 0;
    long epoch = from / rows;
    RowOrder order = new RowOrder(seed, epoch, rows);
    long at = from % rows;
    for (int i = 0; i < places; i++) {
      if (at == rows) {
        epoch++;
        order = new RowOrder(seed, epoch, rows);
        at = 0;
      }
      long row = order.at(at);
      if (!rules.removed().test(row)) {
        rowIds[count] = row;
        kept[count] = i;
        count++;
      }
      at++;
    }
    source.read(rowIds, count, x);
    int masked = places - count;
    List<BadRow> bad = new ArrayList<>();
    count = withoutBad(rowIds, kept, count, x, bad);
    int rowsLeft = count;
    // Recomputed, so that a batch stores a list of its rows only if some are missing.
    IntFunction<RowOrigin> origins =
        count == places
            ? row -> origin(from, rowsLeft, row, row)
            : row -> origin(from, rowsLeft, row, row < 0 || row >= rowsLeft ? 0 : kept[row]);
    return new Batch(from, places, x.firstRows(count), origins, List.copyOf(bad), masked);
  }

  /** Moves rows up over those that are not finite; returns how many are left. */
  private int withoutBad(long[] rowIds, int[] kept, int count, Matrix x, List<BadRow> bad)
      throws IOException {
    int[] bits = new int[x.cols()];
    long rowBytes = (long) x.cols() * Float.BYTES;
    int left = 0;
    for (int i = 0; i < count; i++) {
      int column = FiniteRows.untrainableColumn(x, i, bits, rules.factor());
      if (column >= 0) {
        BadRow row = BadRow.of(source, rowIds[i], column);
        if (rules.onBadRows() == OnBadRows.ERROR) {
          throw new BadRowException(row);
        }
        bad.add(row);
        continue;
      }
      if (left < i) {
        MemorySegment.copy(x.segment(), x.rowOffset(i), x.segment(), x.rowOffset(left), rowBytes);
        kept[left] = kept[i];
      }
      left++;
    }
    return left;
  }

  private RowOrigin origin(long from, int count, int row, int place) {
    RowChecks.row(row, count);
    long at = from + place;
    RowOrder order = new RowOrder(seed, at / source.rows(), source.rows());
    return source.origin(order.at(at % source.rows()));
  }
}
