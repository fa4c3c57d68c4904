package io.github.sae4j.cli;

import io.github.sae4j.step.StepReport;
import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.TrainingListener;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows a run on stderr: a bar with rate and time left where that is a terminal, else a line every
 * few seconds.
 */
final class Progress implements TrainingListener, AutoCloseable {
  /** How much to show. */
  enum Style {
    BAR,
    LINES,
    /** Warnings only. */
    SILENT
  }

  /** Set by the launcher to the width of the terminal behind stderr; missing if there is none. */
  private static final String COLUMNS = "sae4j.columns";

  private static final long LINE_NANOS = 5_000_000_000L;
  private static final int UPDATE_MILLIS = 200;

  private final Style style;
  private final PrintStream err;
  private ProgressBar bar;
  private long lastStep;
  private long lastLine;
  private double fvu = Double.NaN;

  Progress(Style style, PrintStream err) {
    this.style = style;
    this.err = err;
  }

  /** Whether stderr is a terminal, as far as the launcher or the JVM knows. */
  static boolean toTerminal() {
    return System.getProperty(COLUMNS) != null
        || (System.console() != null && System.console().isTerminal());
  }

  @Override
  public void started(long step, long steps) {
    lastStep = step;
    lastLine = System.nanoTime();
    if (style == Style.BAR) {
      bar =
          new ProgressBarBuilder()
              .setTaskName("train")
              .setInitialMax(steps)
              .startsFrom(step, Duration.ZERO)
              .setUnit(" steps", 1)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(UPDATE_MILLIS)
              .showSpeed()
              .setConsumer(
                  new ConsoleProgressBarConsumer(err, Integer.getInteger(COLUMNS, 100) - 1))
              .build();
    }
  }

  @Override
  public void step(StepRecord record) {
    if (!Double.isNaN(record.report().fvu())) {
      fvu = record.report().fvu();
    }
    if (bar != null) {
      bar.setExtraMessage("  " + figures(record));
      bar.stepTo(record.number());
    } else if (style == Style.LINES) {
      long now = System.nanoTime();
      if (now - lastLine >= LINE_NANOS || record.number() == record.steps()) {
        err.println(line(record, now));
        lastLine = now;
        lastStep = record.number();
      }
    }
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
      err.println(Terminal.harmless("checkpoint " + folder));
    }
  }

  @Override
  public void note(String message) {
    if (style != Style.SILENT) {
      err.println("sae4j: " + Terminal.harmless(message));
    }
  }

  @Override
  public void warning(String message) {
    err.println("sae4j: warning: " + Terminal.harmless(message));
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
