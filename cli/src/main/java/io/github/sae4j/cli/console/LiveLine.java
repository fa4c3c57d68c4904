package io.github.sae4j.cli.console;

import java.io.PrintStream;
import java.time.Duration;
import java.util.function.IntSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;

/** A line on a terminal that is drawn again and again, to say how far something has come. */
final class LiveLine implements AutoCloseable {
  private static final int UPDATE_MILLIS = 200;

  private final PrintStream err;
  private final IntSupplier columns;
  private ProgressBar bar;
  private volatile ProgressLine now;

  /** Length of the line that stands on the terminal. Drawn by the bar's thread too. */
  private int drawn;

  LiveLine(PrintStream err, IntSupplier columns) {
    this.err = err;
    this.columns = columns;
  }

  /** Begins to draw. */
  void start(ProgressLine first) {
    now = first;
    bar =
        new ProgressBarBuilder()
            .setInitialMax(first.steps())
            .startsFrom(first.step(), Duration.ZERO)
            .setUpdateIntervalMillis(UPDATE_MILLIS)
            .setRenderer((state, most) -> now.in(most))
            .setConsumer(new OneLine())
            .build();
  }

  /** Draws something else from now on. */
  void show(ProgressLine line) {
    now = line;
    bar.stepTo(line.step());
  }

  /** Draws over the line before, in the width that the terminal has now. */
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

  /** Goes to where the drawn line begins, which a narrower window broke, and clears from there. */
  private String erase() {
    int rows = drawn == 0 ? 0 : (drawn - 1) / Math.max(columns.getAsInt(), 1);
    return "\r" + (rows > 0 ? "\u001b[" + rows + "A" : "") + "\u001b[J";
  }

  /** Prints a line above. */
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
