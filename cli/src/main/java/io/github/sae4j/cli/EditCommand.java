package io.github.sae4j.cli;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.cli.machine.MachineMemory;
import io.github.sae4j.cli.options.ActivationOptions;
import io.github.sae4j.cli.options.DeviceChoice;
import io.github.sae4j.cli.options.RowFiles;
import io.github.sae4j.cli.options.SaeOptions;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.jobs.Jobs;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sae4j edit}. */
@Command(
    name = "edit",
    description = {
      "Activations with some latents set, scaled, added to or ablated, the error term kept: x +"
          + " what the change of the latents decodes to. A safetensors file.",
      "Values are activations as encode gives them; a latent that is not active has 0."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    abbreviateSynopsis = true)
final class EditCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--sae",
      required = true,
      paramLabel = "DIR",
      description = "The SAE: a run, an SAE's folder or file in any layout that inspect knows.")
  private Path sae;

  @Mixin private RowFiles input = new RowFiles();

  @Option(
      names = "--targets",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description =
          "Targets of a transcoder's outputs, row by row [rows, d_out]; these are edited.")
  private List<String> targets = List.of();

  @Option(
      names = "--set",
      paramLabel = "ID=V",
      description = "Set latent ID's activation to V in every row.")
  private List<String> set = List.of();

  @Option(
      names = "--scale",
      paramLabel = "ID=F",
      description = "Multiply latent ID's activation by F.")
  private List<String> scale = List.of();

  @Option(names = "--add", paramLabel = "ID=V", description = "Add V to latent ID's activation.")
  private List<String> add = List.of();

  @Option(names = "--ablate", paramLabel = "ID", description = "Set latent ID's activation to 0.")
  private List<String> ablate = List.of();

  @Mixin private JobOptions job = new JobOptions();

  @Mixin private SaeOptions open = new SaeOptions();

  @Mixin private DeviceChoice choice = new DeviceChoice();

  /** One of the methods of {@link LatentEdits}. */
  private interface Edit {
    LatentEdits with(LatentEdits before, int latent, float value);
  }

  @Override
  public Integer call() throws IOException {
    if (job.quiet) {
      CommandLineApp.quiet();
    }
    LatentEdits edits = edits();
    MachineMemory.now().expectRoomFor(sae, 1);
    try (Device device = choice.open();
        SparseAutoencoder trained = SaeCheckpoint.read(sae, device, open.read()).sae();
        ActivationFiles source = input.open(job.quiet);
        ActivationFiles outputs =
            targets.isEmpty() ? null : input.openOthers(job.quiet, targets, "targets")) {
      ActivationOptions.expectWidth(sae, trained, source);
      Optional<ActivationSource> paired = Optional.ofNullable(outputs);
      return job.run(spec, settings -> Jobs.edit(trained, source, paired, edits, settings));
    }
  }

  private LatentEdits edits() {
    LatentEdits edits = LatentEdits.NONE;
    edits = all(edits, "set", set, LatentEdits::set);
    edits = all(edits, "scale", scale, LatentEdits::scale);
    edits = all(edits, "add", add, LatentEdits::add);
    for (String text : ablate) {
      edits = edits.ablate(latent("ablate", text, text));
    }
    if (edits.size() == 0) {
      throw new ConfigException("edits", "expected --set, --scale, --add or --ablate, got none");
    }
    return edits;
  }

  private static LatentEdits all(LatentEdits before, String option, List<String> texts, Edit edit) {
    LatentEdits edits = before;
    for (String text : texts) {
      String[] parts = text.split("=", 2);
      if (parts.length < 2) {
        throw new ConfigException(
            option, "expected a latent and a number as 17=4.5, got '" + text + "'");
      }
      float value;
      try {
        value = Float.parseFloat(parts[1]);
      } catch (NumberFormatException e) {
        throw new ConfigException(option, "expected a number after '=', got '" + text + "'");
      }
      edits = edit.with(edits, latent(option, parts[0], text), value);
    }
    return edits;
  }

  private static int latent(String option, String text, String whole) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new ConfigException(option, "expected the number of a latent, got '" + whole + "'");
    }
  }
}
