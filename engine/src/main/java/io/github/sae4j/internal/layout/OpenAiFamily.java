package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * OpenAI's sparse autoencoders (GPT-2, versions 1 to 5): {@code encoder.weight [n, d]}, {@code
 * decoder.weight [d, n]}, {@code pre_bias}, {@code latent_bias} and the activation by name. Rows
 * are normalised (mean 0, standard deviation 1) exactly where the activation is TopK: the file does
 * not say so, OpenAI's loader does.
 */
final class OpenAiFamily implements TorchLayouts.Family {
  private static final Set<String> TENSORS =
      Set.of(
          "pre_bias",
          "latent_bias",
          "encoder.weight",
          "decoder.weight",
          "stats_last_nonzero",
          "latents_activation_frequency",
          "latents_mean_square");

  @Override
  public Optional<Blueprint> read(
      TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
      throws IOException {
    if (!tensors.has("pre_bias") || !tensors.has("latent_bias")) {
      return Optional.empty();
    }
    tensors.expectOnly(TENSORS);
    int[] sizes = tensors.sizes("encoder.weight", 2);
    int n = sizes[0];
    int d = sizes[1];
    Map<String, Object> members = new HashMap<>();
    ((Map<?, ?>) file.value()).forEach((key, value) -> members.put((String) key, value));
    JsonObject said = JsonObject.of(tensors.path(), members);
    Activation activation = activation(said, n, options);
    boolean topK = activation instanceof Ranked;
    SaeConfig config =
        SaeConfig.of(d, n, activation)
            .with(topK ? InputNormalization.LAYER_NORM : InputNormalization.NONE);
    return Optional.of(
        new Blueprint("OpenAI", tensors, config)
            .encoder(tensors.rows("encoder.weight", n, d), tensors.vector("latent_bias", n))
            .decoder(tensors.columns("decoder.weight", n, d), tensors.vector("pre_bias", d)));
  }

  private static Activation activation(JsonObject said, int n, ReadOptions options)
      throws BadFileException {
    String name = said.text("activation", null);
    if (name == null) {
      Choice choice =
          options
              .activation()
              .orElseThrow(
                  () ->
                      new BadFileException(
                          said.path(),
                          "activation: expected in the file, found nothing"
                              + " (--activation relu for versions 1 to 4)"));
      name = choice == Choice.RELU ? "ReLU" : "TopK";
    }
    return switch (name) {
      case "ReLU" -> {
        Asked.expectActivation(options, "ReLU", Choice.RELU, said.path());
        yield Threshold.RELU;
      }
      case "TopK" -> {
        Asked.expectActivation(options, "TopK", Choice.TOPK, said.path());
        OptionalInt k = OptionalInt.empty();
        Relu relu = Relu.AFTER;
        if (said.has("activation_state_dict")) {
          JsonObject state = said.inside("activation_state_dict");
          k = state.has("k") ? OptionalInt.of(state.count("k")) : k;
          relu =
              switch (state.text("postact_fn", "ReLU")) {
                case "ReLU" -> Relu.AFTER;
                case "Identity" -> Relu.NONE;
                default -> throw state.bad("postact_fn", "ReLU or Identity");
              };
        }
        yield Ranked.topK(Asked.k(options, k, n, said.path()), relu);
      }
      default -> throw said.bad("activation", "TopK or ReLU");
    };
  }
}
