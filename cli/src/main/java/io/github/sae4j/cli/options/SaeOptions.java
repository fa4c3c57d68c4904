package io.github.sae4j.cli.options;

import io.github.sae4j.sae.ReadOptions;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Options for what some published SAEs leave to the name of their repository. */
public final class SaeOptions {
  @Option(
      names = "--k",
      paramLabel = "N",
      description = "Latents per row, if the SAE's files do not say.")
  private Integer k;

  @Option(
      names = "--activation",
      paramLabel = "NAME",
      description = "relu, topk or jumprelu, if the SAE's files do not say.")
  private ReadOptions.Choice activation;

  /** The first of these that was given; null without one. */
  public String given() {
    return k != null ? "k" : activation != null ? "activation" : null;
  }

  public ReadOptions read() {
    return new ReadOptions(
        k == null ? OptionalInt.empty() : OptionalInt.of(k), Optional.ofNullable(activation));
  }
}
