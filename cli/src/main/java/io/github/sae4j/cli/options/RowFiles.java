package io.github.sae4j.cli.options;

import io.github.sae4j.cli.console.Terminal;
import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.options.ConfigException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** All rows of a job: results are matched to rows by number, so none may be left out. */
public final class RowFiles {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--activations",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description =
          "Activations [rows, d_in] or [seq, ctx, d_in]: safetensors, npy, npz, torch, Parquet,"
              + " Arrow or JSON lines.")
  public List<String> activations = new ArrayList<>();

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Tensor to read (default: 'activations', else the only one of rank 2 or 3).")
  private String tensor;

  @Option(
      names = "--dtype",
      paramLabel = "bf16",
      description = "What unsigned 16-bit integers of npy, npz and safetensors are: bf16.")
  private String dtype;

  /** Opens them, and reports which tensors were taken. */
  public ActivationFiles open(boolean quiet) throws IOException {
    if (activations.isEmpty()) {
      throw new ConfigException("activations", "expected a path, got none");
    }
    return open(activations, Optional.ofNullable(tensor), "activations", quiet);
  }

  /** Opens them where they are given, which they need not be. */
  public Optional<ActivationFiles> openIfGiven(boolean quiet) throws IOException {
    if (!activations.isEmpty()) {
      return Optional.of(open(quiet));
    }
    if (tensor != null || dtype != null) {
      throw new ConfigException(
          tensor != null ? "tensor" : "dtype", "expected with activations, got none");
    }
    return Optional.empty();
  }

  /**
   * Opens other rows, read like the activations.
   *
   * @param paths files, folders or globs
   * @param name the option that gives them, as files spell it
   */
  public ActivationFiles openOthers(boolean quiet, List<String> paths, String name)
      throws IOException {
    return open(paths, Optional.empty(), name, quiet);
  }

  private ActivationFiles open(
      List<String> paths, Optional<String> named, String name, boolean quiet) throws IOException {
    ActivationOptions.expectPaths(paths, spec);
    ActivationFiles files =
        ActivationFiles.open(paths, named, ActivationOptions.wordsAreBf16(dtype));
    files.leftOut().forEach(line -> Terminal.say("sae4j: warning: " + Terminal.harmless(line)));
    if (!quiet) {
      Terminal.say(name + ": " + files.tensorTaken());
    }
    return files;
  }
}
