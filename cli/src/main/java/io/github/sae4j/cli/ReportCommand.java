package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.device.Device;
import io.github.sae4j.report.ReportOptions;
import io.github.sae4j.report.RunReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sae4j report}. */
@Command(
    name = "report",
    description = {
      "Writes one self-contained HTML page of a run, or of several that are compared: curves,"
          + " densities, weights, configuration, warnings.",
      "It needs no network and opens in any browser."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of runs.")
  private List<Path> runs;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The page (default: report.html in the run's folder; of several, here).")
  private Path out;

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(names = "--quiet", description = "Warnings and results only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if (quiet) {
      CommandLineApp.quiet();
    }
    Path page =
        out != null
            ? out
            : runs.size() == 1 ? runs.getFirst().resolve(RunReport.FILE) : Path.of(RunReport.FILE);
    try (Device device = choice.open()) {
      RunReport.write(runs, ReportOptions.DEFAULT.on(device), page);
    }
    CommandLineApp.print(spec, page.toString());
    return ExitCode.DONE;
  }
}
