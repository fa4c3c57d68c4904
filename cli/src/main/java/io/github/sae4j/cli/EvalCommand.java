package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.Split;
import io.github.sae4j.device.Device;
import io.github.sae4j.evaluation.Evaluator;
import io.github.sae4j.evaluation.Metrics;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j eval}. */
@Command(
    name = "eval",
    description = "Metrics of a trained SAE on activations.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--sae",
      required = true,
      paramLabel = "DIR",
      description = "The SAE: a run, its final folder, SAELens's or sparsify's layout.")
  private Path sae;

  @Mixin private ActivationOptions input = new ActivationOptions();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Rows of a batch (default: 4096); only the legacy metrics depend on it.")
  private int batchSize = Evaluator.BATCH_ROWS;

  @Option(
      names = "--held-out",
      paramLabel = "X",
      description = "Evaluate only the share of the rows that a run with --eval-fraction X keeps.")
  private Double heldOut;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(names = "--quiet", description = "Warnings and results only.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if (quiet) {
      CommandLineApp.quiet();
    }
    if (input.activations.isEmpty()) {
      throw new ConfigException("activations", "expected a path, got none");
    }
    try (Device device = choice.open();
        TopKSae trained = SaeCheckpoint.load(sae, device);
        ActivationSource source = input.open()) {
      ActivationOptions.expectWidth(sae, trained, source);
      ActivationSource chosen = rows(source);
      input.report(quiet);
      ActivationSource rows = input.finite(chosen);
      Metrics metrics = new Evaluator(trained, batchSize).evaluate(rows);
      new MetricsReport(metrics).print(spec, json);
    }
    return ExitCode.DONE;
  }

  /** The rows that a mask leaves, or those of them that training would hold out. */
  private ActivationSource rows(ActivationSource source) throws IOException {
    Optional<RowMask> mask = input.readMask(source);
    if (mask.isEmpty() && heldOut == null) {
      return source;
    }
    double share = heldOut == null ? 0 : heldOut;
    Split split = mask.isPresent() ? Split.of(mask.get(), share) : Split.of(source.rows(), share);
    if (heldOut == null) {
      return split.training(source);
    }
    return split
        .heldOut(source)
        .orElseThrow(() -> new ConfigException("held_out", "no row is held out at " + share));
  }
}
