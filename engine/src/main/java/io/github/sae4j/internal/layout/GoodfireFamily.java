package io.github.sae4j.internal.layout;

import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;

/**
 * Goodfire's SAEs: {@code encoder_linear.weight [n, d]}, {@code decoder_linear.weight [d, n]} and
 * biases, in bfloat16. ReLU, b_dec is not subtracted.
 */
final class GoodfireFamily implements TorchLayouts.Family {
  @Override
  public Optional<Blueprint> read(
      TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
      throws IOException {
    if (!tensors.has("encoder_linear.weight")) {
      return Optional.empty();
    }
    Asked.expectActivation(options, "relu", Choice.RELU, tensors.path());
    tensors.expectOnly(
        Set.of(
            "encoder_linear.weight",
            "encoder_linear.bias",
            "decoder_linear.weight",
            "decoder_linear.bias"));
    int[] sizes = tensors.sizes("encoder_linear.weight", 2);
    int n = sizes[0];
    int d = sizes[1];
    SaeConfig config = SaeConfig.of(d, n, Threshold.RELU).withBDecApplied(false);
    return Optional.of(
        new Blueprint("Goodfire", tensors, config)
            .encoder(
                tensors.rows("encoder_linear.weight", n, d),
                tensors.vector("encoder_linear.bias", n))
            .decoder(
                tensors.columns("decoder_linear.weight", n, d),
                tensors.vector("decoder_linear.bias", d)));
  }
}
