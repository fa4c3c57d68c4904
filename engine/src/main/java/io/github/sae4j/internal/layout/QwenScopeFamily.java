package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.PathHints;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Qwen-Scope: {@code layerN.sae.pt} with {@code W_enc [n, d]}, {@code W_dec [d, n]}, {@code b_enc},
 * {@code b_dec}. TopK whose k is only in the repository's name; b_dec is not subtracted.
 *
 * <p>Others publish the same four names with {@code W_enc [d, n]} and the activation elsewhere:
 * those are refused.
 */
final class QwenScopeFamily implements TorchLayouts.Family {
  private static final Set<String> NAMES = Set.of("W_enc", "W_dec", "b_enc", "b_dec");

  @Override
  public Optional<Blueprint> read(
      TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
      throws IOException {
    if (!NAMES.stream().allMatch(tensors::has)) {
      return Optional.empty();
    }
    tensors.expectOnly(NAMES);
    int n = tensors.sizes("b_enc", 1)[0];
    int d = tensors.sizes("b_dec", 1)[0];
    int[] sizes = tensors.sizes("W_enc", 2);
    if (n == d || sizes[0] != n || sizes[1] != d) {
      throw new BadFileException(
          tensors.path(),
          "W_enc: expected shape ["
              + n
              + ", "
              + d
              + "] of a Qwen-Scope SAE with more latents than columns, got "
              + Arrays.toString(sizes)
              + ": these names with that shape are another library's");
    }
    Asked.expectActivation(options, "topk", Choice.TOPK, tensors.path());
    int k = Asked.k(options, OptionalInt.empty(), n, tensors.path());
    SaeMetadata metadata =
        new SaeMetadata(
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            new PathHints(tensors.path()).layer(),
            Optional.empty(),
            Optional.empty(),
            OptionalDouble.empty(),
            false,
            Map.of());
    SaeConfig config =
        SaeConfig.of(d, n, Ranked.topK(k, Relu.BEFORE)).withBDecApplied(false).with(metadata);
    return Optional.of(
        new Blueprint("Qwen-Scope", tensors, config)
            .encoder(tensors.rows("W_enc", n, d), tensors.vector("b_enc", n))
            .decoder(tensors.columns("W_dec", n, d), tensors.vector("b_dec", d)));
  }
}
