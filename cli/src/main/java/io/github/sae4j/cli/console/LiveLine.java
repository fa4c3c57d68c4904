package io.github.sae4j.cli.console;

import java.io.PrintStream;
import java.time.Duration;
import java.util.function.IntSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;

/** A line on a terminal that is redrawn to show progress. */
final class LiveLine implements AutoCloseable {
  private static final int UPDATE_MILLIS = 200;

  private final PrintStream err;
  private final IntSupplier columns;
  private ProgressBar bar;
  private volatile ProgressLine now;

  /** Length of the line on the terminal. Also drawn by the bar's thread. */
  private int drawn;

  LiveLine(PrintStream err, IntSupplier columns) {
    this.err = err;
    this.columns = columns;
  }

  /** Starts drawing. */
  void start(ProgressLine first) {
    now = first;
    bar =
        new ProgressBarBuilder()
            .setInitialMax(first.steps())
            .startsFrom(first.step(), Duration.ZERO)
            .setUpdateIntervalMillis(UPDATE_MILLIS)
            // Else a step shown while the line is being drawn would count as drawn.
            .continuousUpdate()
            .setRenderer((state, most) -> now.in(most))
            .setConsumer(new OneLine())
            .build();
  }

  /** Replaces what is drawn. */
  void show(ProgressLine line) {
    now = line;
    bar.stepTo(line.step());
  }

  /** Redraws the line in the current width of the terminal. */
  private final class OneLine implements ProgressBarConsumer {
    @Override
    public int getMaxRenderedLength() {
      return columns.getAsInt() - 1; // the last column may wrap
    }

    @Override
    public void accept(String line) {
      synchronized (LiveLine.this) {
        err.print(erase() + line);
        err.flush();
        drawn = line.length();
      }
    }

    @Override
    public void close() {
      synchronized (LiveLine.this) {
        err.println();
        drawn = 0;
      }
    }
  }

  /**
   * Moves to the start of the drawn line, which a narrower window has wrapped, and clears from
   * there.
   */
  private String erase() {
    int rows = drawn == 0 ? 0 : (drawn - 1) / Math.max(columns.getAsInt(), 1);
    return "\r" + (rows > 0 ? "\u001b[" + rows + "A" : "") + "\u001b[J";
  }

  /** Prints a line above the live one. */
  synchronized void say(String line) {
    if (drawn > 0) {
      err.print(erase());
      drawn = 0;
    }
    err.println(line);
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
