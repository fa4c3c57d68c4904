package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.console.Interrupts;
import io.github.sae4j.cli.console.Progress;
import io.github.sae4j.cli.console.RowProgress;
import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.cli.console.TerminalWidth;
import io.github.sae4j.internal.jobs.JobResult;
import io.github.sae4j.internal.jobs.JobSettings;
import io.github.sae4j.internal.jobs.Shard;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Options of jobs: where results go, and how a job runs. */
final class JobOptions {
  private static final int USUAL_COLUMNS = 80;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the results. The same command again finishes what was interrupted.")
  private Path output;

  @Option(
      names = "--shard",
      paramLabel = "I/N",
      description = "Only part I of N, from 1: consecutive rows, each part a file of its own.")
  private String shard;

  @Option(
      names = "--record-every",
      paramLabel = "ROWS",
      description = "Rows after which progress is recorded (default: every five seconds).")
  private Long recordEvery;

  /** Rows after which progress is recorded, if not by time. */
  OptionalLong recordEvery() {
    return recordEvery == null ? OptionalLong.empty() : OptionalLong.of(recordEvery);
  }

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--quiet", description = "Warnings and results only.")
  boolean quiet;

  @Option(names = "--no-progress", description = "No progress on stderr.")
  private boolean noProgress;

  /** A job that is ready to run. */
  interface Runnable {
    JobResult run(JobSettings settings) throws IOException;
  }

  /** Runs a job, which signals stop in an orderly way, and prints its outcome. */
  int run(CommandSpec spec, Runnable job) throws IOException {
    Shard part = shard == null ? Shard.WHOLE : Shard.parse(shard);
    JobResult result;
    int code;
    try (Interrupts interrupts =
            Interrupts.install(
                signal -> Terminal.say("sae4j: " + signal + ": recording what is done"));
        RowProgress progress =
            new RowProgress(
                style(),
                System.err,
                () -> TerminalWidth.now().orElse(USUAL_COLUMNS),
                interrupts::raised)) {
      result = job.run(new JobSettings(output, part, recordEvery(), progress));
      code = interrupts.exitCode();
    }
    if (result.outcome() == JobResult.Outcome.STOPPED) {
      Terminal.say(
          "sae4j: stopped after "
              + result.rows()
              + " of "
              + result.shardRows()
              + " rows; the same command continues from there");
      return code;
    }
    if (result.outcome() == JobResult.Outcome.FOUND && !quiet) {
      Terminal.say("sae4j: it is there already, as asked for");
    }
    print(spec, result);
    return ExitCode.DONE;
  }

  private void print(CommandSpec spec, JobResult result) {
    if (!json) {
      result.files().forEach(file -> CommandLineApp.print(spec, file.toString()));
      return;
    }
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("outcome", result.outcome().toString().toLowerCase(Locale.ROOT));
    object.put("rows", result.rows());
    object.put("files", result.files().stream().<Object>map(Path::toString).toList());
    CommandLineApp.print(spec, Json.line(object));
  }

  private Progress.Style style() {
    if (quiet || noProgress) {
      return Progress.Style.SILENT;
    }
    return Progress.toTerminal() ? Progress.Style.BAR : Progress.Style.LINES;
  }
}
