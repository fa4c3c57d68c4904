package io.github.sae4j.cli.pages;

import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.device.Device;
import io.github.sae4j.report.ReportOptions;
import io.github.sae4j.report.RunReport;
import io.github.sae4j.training.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The page that {@code train} leaves in a run's folder. */
public final class RunPage {
  private RunPage() {}

  /**
   * Writes the page of a run that is done. Whatever goes wrong is a warning: the run is finished,
   * and {@code sae4j report} can write its page again.
   *
   * @param folder the run
   * @param device reads its SAE
   * @param warnings what the run warned of
   */
  public static void atTheEnd(RunFolder folder, Device device, List<String> warnings) {
    write(folder, List.of(folder.path()), ReportOptions.DEFAULT.on(device).warned(warnings));
  }

  /**
   * Writes the page of a sweep that is done, all its runs beside each other.
   *
   * @param folder the sweep
   * @param runs its runs
   * @param device reads their SAEs
   */
  public static void ofSweep(RunFolder folder, List<RunFolder> runs, Device device) {
    write(folder, runs.stream().map(RunFolder::path).toList(), ReportOptions.DEFAULT.on(device));
  }

  private static void write(RunFolder folder, List<Path> runs, ReportOptions options) {
    try {
      RunReport.write(runs, options, folder.path().resolve(RunReport.FILE));
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      Terminal.say(
          "sae4j: warning: "
              + Terminal.harmless("the run's page was not written: " + e.getMessage()));
    }
  }
}
