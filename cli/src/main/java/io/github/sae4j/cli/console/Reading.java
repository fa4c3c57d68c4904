package io.github.sae4j.cli.console;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** Reports the progress of long reads on stderr: some files hold a billion rows. */
public final class Reading {
  private static final long PAUSE_NANOS = 5_000_000_000L;

  private final PrintStream err;
  private final LongSupplier clock;
  private long began;
  private long said;
  private long last = Long.MAX_VALUE;

  public Reading(PrintStream err, LongSupplier clock) {
    this.err = err;
    this.clock = clock;
  }

  /** Reports to stderr. */
  public static Reading toStderr() {
    return new Reading(System.err, System::nanoTime);
  }

  /**
   * Reports that reading has reached a position.
   *
   * @param what what is read
   * @param place the position; a smaller one than before begins another pass
   * @param end the final position
   */
  public synchronized void at(String what, long place, long end) {
    long now = clock.getAsLong();
    if (place < last) {
      began = now;
      said = now;
    }
    last = place;
    if (now - said < PAUSE_NANOS) {
      return;
    }
    said = now;
    double seconds = (now - began) * 1e-9;
    err.println(
        Terminal.harmless(
            String.format(
                Locale.ROOT,
                "reading %s: %.0f%%, %s left",
                what,
                100.0 * place / end,
                Durations.text(seconds / place * (end - place)))));
  }

  /**
   * A source whose sequential reads are reported; reads of batches are not, since training reports
   * its own progress.
   */
  public ActivationSource of(ActivationSource source) {
    return new Watched(source);
  }

  private final class Watched implements ActivationSource {
    private final ActivationSource source;

    /** Rows read in this pass. */
    private final AtomicLong read = new AtomicLong();

    Watched(ActivationSource source) {
      this.source = source;
    }

    private long inThisPass(long before, long count) {
      return before >= source.rows() ? count : before + count;
    }

    @Override
    public long rows() {
      return source.rows();
    }

    @Override
    public int width() {
      return source.width();
    }

    @Override
    public int inputWidth() {
      return source.inputWidth();
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) throws IOException {
      source.read(rowIds, count, target);
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      source.readRange(first, count, target);
      // Threads may read parts of a range in any order: rows are counted, not their numbers.
      at("activations", read.accumulateAndGet(count, this::inThisPass), source.rows());
    }

    @Override
    public void expectAnyOrder() throws IOException {
      source.expectAnyOrder();
    }

    @Override
    public boolean readsInPlace() {
      return source.readsInPlace();
    }

    @Override
    public double stored(long row, int column) throws IOException {
      return source.stored(row, column);
    }

    @Override
    public RowOrigin origin(long row) {
      return source.origin(row);
    }

    @Override
    public RowOrigin.Value origin(long row, int column) {
      return source.origin(row, column);
    }

    @Override
    public DataIdentity identity() throws IOException {
      return source.identity();
    }

    @Override
    public void close() throws IOException {
      source.close();
    }
  }
}
