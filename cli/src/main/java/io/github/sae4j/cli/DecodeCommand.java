package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.options.RowFiles;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.codes.CodeSource;
import io.github.sae4j.internal.jobs.Jobs;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j decode}. */
@Command(
    name = "decode",
    description = {
      "Sparse codes to reconstructions [rows, d_out], a safetensors file.",
      "SAEs that normalise rows or have a skip connection need --activations, the rows that were"
          + " encoded."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class DecodeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--sae",
      required = true,
      paramLabel = "DIR",
      description = "The SAE: a run, an SAE's folder or file in any layout that inspect knows.")
  private Path sae;

  @Option(
      names = "--codes",
      required = true,
      paramLabel = "FILE|DIR",
      description = "Output of encode: safetensors or jsonl, a file or the folder of all shards.")
  private Path codes;

  @Mixin private RowFiles input = new RowFiles();

  @Mixin private JobOptions job = new JobOptions();

  @Mixin private SaeOptions open = new SaeOptions();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  @Override
  public Integer call() throws IOException {
    if (job.quiet) {
      CommandLineApp.quiet();
    }
    MachineMemory.now().expectRoomFor(sae, 1);
    try (Device device = choice.open();
        SparseAutoencoder trained = SaeCheckpoint.read(sae, device, open.read()).sae();
        CodeSource source = CodeSource.open(codes);
        ActivationFiles rows = input.openIfGiven(job.quiet).orElse(null)) {
      Optional<ActivationSource> encoded = Optional.ofNullable(rows);
      return job.run(spec, settings -> Jobs.decode(trained, source, encoded, settings));
    }
  }
}
