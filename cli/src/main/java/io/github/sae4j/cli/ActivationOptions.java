package io.github.sae4j.cli;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.options.OptionTable;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where activations come from. */
final class ActivationOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--activations",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description = "Activations [rows, d_in] or [seq, ctx, d_in]: safetensors, npy or npz.")
  List<String> activations = new ArrayList<>();

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Tensor to read (default: the only one of rank 2 or 3).")
  String tensor;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      description = "BOOL or U8 tensor, one value a row: 1 leaves the row out.")
  Path mask;

  ActivationSource open() throws IOException {
    for (String path : activations) {
      // As many words follow --activations as there are: a mistyped option is one of them.
      if (path.startsWith("-")) {
        List<String> flags =
            spec.optionsMap().keySet().stream().filter(name -> name.startsWith("--")).toList();
        throw new IllegalArgumentException(
            "unknown option '"
                + path
                + "'; the nearest is "
                + OptionTable.nearest(path.split("=", 2)[0], flags)
                + " (for a file of that name write './"
                + path
                + "')");
      }
    }
    return ActivationFiles.open(activations, Optional.ofNullable(tensor));
  }

  /** Checks that rows are as wide as an SAE's input. */
  static void expectWidth(Path folder, TopKSae sae, ActivationSource source)
      throws BadFileException {
    int dIn = sae.config().dIn();
    if (source.width() != dIn) {
      throw new BadFileException(
          folder,
          "encodes rows of width " + dIn + ", the activations have width " + source.width());
    }
  }

  Optional<RowMask> readMask(ActivationSource source) throws IOException {
    return mask == null ? Optional.empty() : Optional.of(RowMask.read(mask, source.rows()));
  }
}
