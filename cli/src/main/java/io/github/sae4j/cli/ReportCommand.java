package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.pages.FeatureOptions;
import io.github.sae4j.cli.pages.RunPage;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.report.ReportOptions;
import io.github.sae4j.report.RunReport;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
          + " densities, weights, configuration, warnings; and of what its latents do, with the"
          + " tokens on which they fire.",
      "It needs no network and opens in any browser.%n"
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(arity = "0..*", paramLabel = "RUN", description = "Folders of runs or sweeps.")
  private List<Path> runs = List.of();

  @Option(
      names = "--sae",
      paramLabel = "DIR",
      description = "An SAE of any layout that inspect knows, instead of a run.")
  private Path sae;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The page (default: report.html in the run's folder; of several, here).")
  private Path out;

  @Option(names = "--title", paramLabel = "TEXT", description = "Title (default: the run's name).")
  private String title;

  @Option(names = "--no-features", description = "Leave out the latents.")
  private boolean noFeatures;

  @Mixin private FeatureOptions features = new FeatureOptions();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(names = "--quiet", description = "Warnings and results only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if (quiet) {
      CommandLineApp.quiet();
    }
    if (runs.isEmpty() == (sae == null)) {
      throw new ConfigException("run", "expected folders of runs, or --sae with an SAE");
    }
    features.expectKnown();
    int number = 0;
    for (Path run : runs) {
      number += RunReport.runsOf(run).size();
    }
    if (features.given() && (noFeatures || number > 1)) {
      throw new ConfigException(
          "features", "expected one run with them, got " + (noFeatures ? "--no-features" : number));
    }
    Path page = page();
    boolean single = !noFeatures && number < 2;
    Path trained = sae != null ? sae : runs.getFirst();
    if (single && (sae != null || Files.exists(new RunFolder(trained).trained()))) {
      List<Path> saes = new ArrayList<>(List.of(trained));
      features.compared().ifPresent(saes::add);
      MachineMemory.now().expectRoomFor(saes, Evaluator.BATCH_ROWS);
    } else if (features.given()) {
      throw new ConfigException("features", trained + " has no trained SAE yet");
    } else {
      single = false;
    }
    try (Device device = choice.open()) {
      ReportOptions options = ReportOptions.DEFAULT.on(device);
      options = title == null ? options : options.titled(title);
      if (!single || !withFeatures(trained, device, options, page)) {
        RunReport.write(runs, options, page);
      }
    }
    CommandLineApp.print(spec, page.toString());
    return ExitCode.DONE;
  }

  /**
   * Writes the page with its features, if there are rows. Those of a run that the user has not
   * asked for by an option may be gone or unreadable: that is a warning.
   */
  private boolean withFeatures(Path trained, Device device, ReportOptions options, Path page)
      throws IOException {
    boolean asked = features.given() || runs.isEmpty();
    try {
      Optional<FeatureOptions.Opened> opened = features.open(trained, device, quiet);
      if (opened.isPresent()) {
        try (FeatureOptions.Opened input = opened.get()) {
          RunReport.write(runs, options.with(input.features()), page);
        }
      }
      return opened.isPresent();
    } catch (IOException | RuntimeException e) {
      if (asked) {
        throw e;
      }
      RunPage.warn("the features are not on the page", e);
      return false;
    }
  }

  private Path page() throws IOException {
    if (out != null) {
      return out;
    }
    return runs.size() == 1
        ? RunFolder.of(runs.getFirst()).path().resolve(RunReport.FILE)
        : Path.of(RunReport.FILE);
  }
}
