package io.github.sae4j.cli.console;

import io.github.sae4j.step.StepReport;
import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.TrainingListener;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;

/**
 * Shows a run on stderr: a bar with rate and time left where that is a terminal, else a line every
 * few seconds.
 */
public final class Progress implements TrainingListener, AutoCloseable {
  /** How much to show. */
  public enum Style {
    BAR,
    LINES,
    /** Warnings only. */
    SILENT
  }

  private static final long LINE_NANOS = 5_000_000_000L;
  private static final int UPDATE_MILLIS = 200;
  private static final int USUAL_COLUMNS = 80;

  private final Style style;
  private final PrintStream err;
  private final IntSupplier columns;
  private final RecentRate rate = new RecentRate();
  private ProgressBar bar;
  private volatile ProgressLine now;
  private long lastStep;
  private long lastLine;
  private double fvu = Double.NaN;
  private StepRecord last;

  /** Length of the line that stands on the terminal. Drawn by the bar's thread too. */
  private int drawn;

  public Progress(Style style, PrintStream err) {
    this(style, err, () -> TerminalWidth.now().orElse(USUAL_COLUMNS));
  }

  public Progress(Style style, PrintStream err, IntSupplier columns) {
    this.style = style;
    this.err = err;
    this.columns = columns;
  }

  /** Whether stderr is a terminal. */
  public static boolean toTerminal() {
    return TerminalWidth.now().isPresent();
  }

  @Override
  public void started(long step, long steps) {
    lastStep = step;
    lastLine = System.nanoTime();
    rate.add(step, lastLine);
    if (style == Style.BAR) {
      now = new ProgressLine(step, steps, Double.NaN, "");
      bar =
          new ProgressBarBuilder()
              .setInitialMax(steps)
              .startsFrom(step, Duration.ZERO)
              .setUpdateIntervalMillis(UPDATE_MILLIS)
              .setRenderer((state, most) -> now.in(most))
              .setConsumer(new OneLine())
              .build();
    }
  }

  /** Draws over the line before, in the width that the terminal has now. */
  private final class OneLine implements ProgressBarConsumer {
    @Override
    public int getMaxRenderedLength() {
      return columns.getAsInt() - 1; // the last column may wrap
    }

    @Override
    public void accept(String line) {
      synchronized (Progress.this) {
        err.print(erase() + line);
        err.flush();
        drawn = line.length();
      }
    }

    @Override
    public void close() {
      synchronized (Progress.this) {
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

  /** Prints a line above the bar. */
  private synchronized void say(String line) {
    if (drawn > 0) {
      err.print(erase());
      drawn = 0;
    }
    err.println(line);
  }

  @Override
  public void step(StepRecord record) {
    last = record;
    if (!Double.isNaN(record.report().fvu())) {
      fvu = record.report().fvu();
    }
    long time = System.nanoTime();
    rate.add(record.number(), time);
    if (bar != null) {
      now =
          new ProgressLine(record.number(), record.steps(), rate.stepsPerSecond(), figures(record));
      bar.stepTo(record.number());
    } else if (style == Style.LINES
        && (time - lastLine >= LINE_NANOS || record.number() == record.steps())) {
      err.println(line(record, time));
      lastLine = time;
      lastStep = record.number();
    }
  }

  /** The last step, if there was one. */
  public Optional<StepRecord> last() {
    return Optional.ofNullable(last);
  }

  /** FVU of the last batch for which it was measured; NaN if there is none. */
  public double fvu() {
    return fvu;
  }

  private String figures(StepRecord record) {
    StepReport report = record.report();
    return String.format(
        Locale.ROOT,
        "loss %.4g FVU %s L0 %.1f dead %d",
        report.loss(),
        Double.isNaN(fvu) ? "-" : String.format(Locale.ROOT, "%.3f", fvu),
        report.l0(),
        report.dead());
  }

  private String line(StepRecord record, long now) {
    // Of the last seconds alone: the first steps are slow, before the JVM has compiled them.
    double rate = (record.number() - lastStep) / ((now - lastLine) * 1e-9);
    return String.format(
        Locale.ROOT,
        "step %d/%d  %.1f steps/s  %s left  %s",
        record.number(),
        record.steps(),
        rate,
        Durations.text((record.steps() - record.number()) / rate),
        figures(record));
  }

  @Override
  public void checkpoint(Path folder) {
    if (style == Style.LINES) {
      say(Terminal.harmless("checkpoint " + folder));
    }
  }

  @Override
  public void note(String message) {
    if (style != Style.SILENT) {
      say("sae4j: " + Terminal.harmless(message));
    }
  }

  @Override
  public void warning(String message) {
    say("sae4j: warning: " + Terminal.harmless(message));
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
