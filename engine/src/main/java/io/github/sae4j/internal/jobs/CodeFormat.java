package io.github.sae4j.internal.jobs;

import java.nio.file.Path;
import java.util.Optional;

/** How codes are written. */
public sealed interface CodeFormat {
  /** {@code indices} and {@code values}, and {@code indptr} where rows differ in length. */
  record Safetensors() implements CodeFormat {}

  /** One line of JSON per row. */
  record JsonLines() implements CodeFormat {}

  /**
   * The latent cache that delphi reads.
   *
   * @param module name of the folder within the output, which delphi takes for the hookpoint
   * @param context rows of a sequence
   * @param splits ranges of latents, each a file of its own
   * @param model the language model, for delphi's config.json
   * @param dataset the texts, for delphi's config.json
   * @param tokens file of integers {@code [sequences, context]} to be repeated in the cache
   */
  record Delphi(
      String module,
      int context,
      int splits,
      Optional<String> model,
      Optional<String> dataset,
      Optional<Path> tokens)
      implements CodeFormat {
    /** Checks the ranges. */
    public Delphi {
      if (context < 1) {
        throw new IllegalArgumentException("context_size: expected at least 1, got " + context);
      }
      if (splits < 1) {
        throw new IllegalArgumentException("n_splits: expected at least 1, got " + splits);
      }
      if (module.isBlank() || !module.matches("[^/\\\\\0]+") || module.startsWith(".")) {
        throw new IllegalArgumentException(
            "hook_name: expected a name that a folder can have, got '" + module + "'");
      }
    }
  }
}
