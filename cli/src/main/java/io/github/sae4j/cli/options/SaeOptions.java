package io.github.sae4j.cli.options;

import io.github.sae4j.sae.ReadOptions;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** What some published SAEs leave to the name of their repository. */
public final class SaeOptions {
  @Option(
      names = "--k",
      paramLabel = "N",
      description = "Latents per row, where the SAE's files do not say it.")
  private Integer k;

  @Option(
      names = "--activation",
      paramLabel = "NAME",
      description = "relu, topk or jumprelu, where the SAE's files leave it open.")
  private ReadOptions.Choice activation;

  public ReadOptions read() {
    return new ReadOptions(
        k == null ? OptionalInt.empty() : OptionalInt.of(k), Optional.ofNullable(activation));
  }
}
