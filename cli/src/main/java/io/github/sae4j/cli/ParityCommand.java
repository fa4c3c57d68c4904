package io.github.sae4j.cli;

import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.parity.ParityCheck;
import io.github.sae4j.parity.ParityReport;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j parity}. */
@Command(
    name = "parity",
    description = {
      "Runs every kernel and some training steps of every recipe on a device and on the scalar"
          + " oracle, and compares them bit by bit.",
      "Exits with 1 if the device breaks its guarantee, with 4 if it cannot run."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class ParityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(
      names = "--against",
      paramLabel = "NAME",
      description = "The device to compare with (default: scalar, the definition).")
  private String against = "scalar";

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the inputs.")
  private long seed = ParityCheck.SEED;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Training steps per recipe, at least 4 (default: 8).")
  private int steps = ParityCheck.STEPS;

  @Option(
      names = "--quick",
      description =
          "Every kernel at one shape, every recipe without its variants: for devices that take long"
              + " to compile.")
  private boolean quick;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (Device device = choice.open();
        Device oracle = Devices.open(against, DeviceOptions.DEFAULT)) {
      ParityReport report =
          quick
              ? ParityCheck.quick(device, oracle, seed, steps)
              : ParityCheck.run(device, oracle, seed, steps);
      CommandLineApp.printLines(spec, json ? Json.line(report.toMap()) : report.toString());
      return report.kept() ? ExitCode.DONE : ExitCode.FAILURE;
    }
  }
}
