package io.github.sae4j.cli;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where activations come from. */
final class ActivationOptions {
  @Option(
      names = "--activations",
      arity = "1..*",
      paramLabel = "FILE|DIR|GLOB",
      description = "Activations [rows, d_in] or [seq, ctx, d_in]: safetensors, npy or npz.")
  List<String> activations = new ArrayList<>();

  @Option(
      names = "--tensor",
      paramLabel = "NAME",
      description = "Tensor to read (default: 'activations', else the only one of rank 2 or 3).")
  String tensor;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      description = "BOOL or U8 tensor, one value a row: 1 leaves the row out.")
  Path mask;

  private ActivationFiles files;
  private RowMask rowMask;

  ActivationSource open() throws IOException {
    for (String path : activations) {
      // As many words follow --activations as there are: a mistyped option is one of them.
      if (path.startsWith("-")) {
        throw new IllegalArgumentException(
            "unknown option '" + path + "' (for a file of that name write './" + path + "')");
      }
    }
    files = ActivationFiles.open(activations, Optional.ofNullable(tensor));
    return files;
  }

  /** Says on stderr which tensors were taken, and which files of a folder were not. */
  void report(boolean quiet) {
    files.leftOut().forEach(line -> System.err.println("sae4j: warning: " + line));
    if (!quiet) {
      taken().forEach((what, which) -> System.err.println(what + ": " + which));
    }
  }

  /** The tensors that were taken, for people and for {@code config.json}. */
  Map<String, Object> taken() {
    Map<String, Object> taken = new LinkedHashMap<>();
    taken.put("activations", files.tensorTaken());
    if (rowMask != null) {
      taken.put("mask", rowMask.tensor() + " of " + mask);
    }
    return taken;
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
    rowMask = mask == null ? null : RowMask.read(mask, source.rows());
    return Optional.ofNullable(rowMask);
  }
}
