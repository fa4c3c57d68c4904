package io.github.sae4j.cli.console;

import io.github.sae4j.step.StepReport;
import io.github.sae4j.training.StepRecord;
import io.github.sae4j.training.TrainingListener;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntSupplier;

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
  private static final int USUAL_COLUMNS = 80;

  private final Style style;
  private final PrintStream err;
  private final LiveLine line;
  private final RecentRate rate = new RecentRate();
  private long lastStep;
  private long lastLine;
  private boolean firstLine = true;
  private double fvu = Double.NaN;
  private StepRecord last;
  private final List<String> warnings = new ArrayList<>();

  public Progress(Style style, PrintStream err) {
    this(style, err, () -> TerminalWidth.now().orElse(USUAL_COLUMNS));
  }

  public Progress(Style style, PrintStream err, IntSupplier columns) {
    this.style = style;
    this.err = err;
    line = new LiveLine(err, columns);
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
      line.start(new ProgressLine(step, steps, Double.NaN, ""));
    }
  }

  @Override
  public void step(StepRecord record) {
    last = record;
    if (!Double.isNaN(record.report().fvu())) {
      fvu = record.report().fvu();
    }
    long time = System.nanoTime();
    rate.add(record.number(), time);
    if (style == Style.BAR) {
      line.show(
          new ProgressLine(
              record.number(), record.steps(), rate.stepsPerSecond(), figures(record)));
    } else if (style == Style.LINES
        && (time - lastLine >= LINE_NANOS || record.number() == record.steps())) {
      err.println(text(record, time));
      firstLine = false;
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

  private String text(StepRecord record, long now) {
    // Of the last seconds alone, and not of the first: before the JVM has compiled them, steps are
    // slow, and say nothing of how long the rest will take.
    double rate = (record.number() - lastStep) / ((now - lastLine) * 1e-9);
    long left = record.steps() - record.number();
    return String.format(
        Locale.ROOT,
        "step %d/%d%s%s  %s",
        record.number(),
        record.steps(),
        firstLine ? "" : String.format(Locale.ROOT, "  %.3g steps/s", rate),
        firstLine || left == 0 ? "" : "  " + Durations.text(left / rate) + " left",
        figures(record));
  }

  @Override
  public void checkpoint(Path folder) {
    if (style == Style.LINES) {
      line.say(Terminal.harmless("checkpoint " + folder));
    }
  }

  @Override
  public void note(String message) {
    if (style != Style.SILENT) {
      line.say("sae4j: " + Terminal.harmless(message));
    }
  }

  /** What was warned of. */
  public List<String> warnings() {
    return List.copyOf(warnings);
  }

  @Override
  public void warning(String message) {
    warnings.add(message);
    line.say("sae4j: warning: " + Terminal.harmless(message));
  }

  @Override
  public void close() {
    line.close();
  }
}
