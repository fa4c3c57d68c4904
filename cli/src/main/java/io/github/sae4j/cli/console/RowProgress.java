package io.github.sae4j.cli.console;

import io.github.sae4j.internal.jobs.JobListener;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;

/** Shows on stderr how many rows of a job are done, as {@link Progress} shows steps. */
public final class RowProgress implements JobListener, AutoCloseable {
  private static final long LINE_NANOS = 5_000_000_000L;

  private final Progress.Style style;
  private final PrintStream err;
  private final BooleanSupplier stop;
  private final LiveLine line;
  private final RecentRate rate = new RecentRate();
  private boolean started;
  private long lastLine;

  /**
   * Progress that starts with the first rows.
   *
   * @param style how much to show
   * @param err where
   * @param columns width of the terminal now
   * @param stop whether the job should stop
   */
  public RowProgress(
      Progress.Style style, PrintStream err, IntSupplier columns, BooleanSupplier stop) {
    this.style = style;
    this.err = err;
    this.stop = stop;
    line = new LiveLine(err, columns);
  }

  @Override
  public synchronized void rows(long done, long rows) {
    long now = System.nanoTime();
    rate.add(done, now);
    if (!started) {
      started = true;
      lastLine = now;
      if (style == Progress.Style.BAR) {
        line.start(new ProgressLine(done, rows, Double.NaN, "rows"));
      }
      return;
    }
    double speed = rate.stepsPerSecond();
    if (style == Progress.Style.BAR) {
      line.show(new ProgressLine(done, rows, speed, "rows"));
    } else if (style == Progress.Style.LINES && (now - lastLine >= LINE_NANOS || done == rows)) {
      lastLine = now;
      err.println(
          String.format(
              Locale.ROOT,
              "row %d/%d%s",
              done,
              rows,
              Double.isNaN(speed) || done == rows
                  ? ""
                  : String.format(
                      Locale.ROOT,
                      "  %.4g rows/s  %s left",
                      speed,
                      Durations.text((rows - done) / speed))));
    }
  }

  @Override
  public boolean stop() {
    return stop.getAsBoolean();
  }

  @Override
  public synchronized void close() {
    line.close();
  }
}
