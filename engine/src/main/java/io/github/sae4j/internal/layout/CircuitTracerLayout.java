package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.FlatYaml;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.PathHints;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A per-layer transcoder of circuit-tracer: {@code layer_N.safetensors} with {@code W_enc [n, d]},
 * {@code W_dec [n, d]}, {@code b_enc}, {@code b_dec}, for JumpReLU {@code
 * activation_function.threshold [n]}, for TopK {@code k}, and {@code W_skip [d, d]}, which adds
 * {@code x W_skipᵀ}. {@code config.yaml} beside it names the hooks and may name the activation.
 * TopK keeps negative values. Cross-layer transcoders are refused.
 */
final class CircuitTracerLayout implements Layout {
  private static final String CONFIG = "config.yaml";
  private static final String THRESHOLD = "activation_function.threshold";
  private static final Pattern LAYER = Pattern.compile("layer_\\d+\\.safetensors");
  private static final Pattern CROSS = Pattern.compile("W_(enc|dec)_\\d+\\.safetensors");

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    if (files.first(CROSS).isPresent()) {
      throw new BadFileException(
          files.path(),
          "cannot read a cross-layer transcoder: its latents write to several layers");
    }
    Optional<Path> path = files.onlyWeights(LAYER);
    if (path.isEmpty()) {
      return Optional.empty();
    }
    Map<String, String> yaml =
        files.has(CONFIG) ? FlatYaml.read(files.folder().resolve(CONFIG)) : Map.of();
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
    try {
      return Optional.of(blueprint(yaml, tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Blueprint blueprint(
      Map<String, String> yaml, WeightTensors tensors, ReadOptions options) throws IOException {
    String kind = yaml.getOrDefault("model_kind", "transcoder_set");
    if (!kind.equals("transcoder_set")) {
      throw new BadFileException(
          tensors.path(), "model_kind: expected transcoder_set, got '" + kind + "'");
    }
    tensors.expectOnly(Set.of("W_enc", "W_dec", "b_enc", "b_dec", THRESHOLD, "k", "W_skip"));
    int[] sizes = tensors.sizes("W_enc", 2);
    int n = sizes[0];
    int d = sizes[1];
    boolean skip = tensors.has("W_skip");
    SaeConfig config =
        new SaeConfig(
            d,
            d,
            n,
            activation(yaml, tensors, n, options),
            true,
            false,
            InputNormalization.NONE,
            metadata(yaml, tensors.path()));
    return new Blueprint("circuit-tracer", tensors, config)
        .encoder(tensors.rows("W_enc", n, d), tensors.vector("b_enc", n))
        .decoder(tensors.rows("W_dec", n, d), tensors.vector("b_dec", d))
        .skip(skip ? tensors.rows("W_skip", d, d) : null);
  }

  private static Activation activation(
      Map<String, String> yaml, WeightTensors tensors, int n, ReadOptions options)
      throws IOException {
    Path path = tensors.path();
    boolean threshold = tensors.has(THRESHOLD);
    boolean k = tensors.has("k") || yaml.containsKey("k");
    String said = yaml.getOrDefault("activation", threshold ? "jumprelu" : k ? "topk" : "");
    if (said.isEmpty()) {
      said =
          options
              .activation()
              .map(choice -> choice.name().toLowerCase(Locale.ROOT))
              .orElseThrow(
                  () ->
                      new BadFileException(
                          path,
                          "activation: neither a threshold nor k nor "
                              + CONFIG
                              + " names it; circuit-tracer takes such files as ReLU"
                              + " (--activation relu)"));
    }
    if (threshold != said.equals("jumprelu")) {
      throw new BadFileException(
          path, "activation: " + said + (threshold ? ", but " : ", and no ") + THRESHOLD);
    }
    return switch (said) {
      case "relu" -> {
        Asked.expectActivation(options, said, Choice.RELU, path);
        yield Threshold.RELU;
      }
      case "jumprelu" -> {
        Asked.expectActivation(options, said, Choice.JUMPRELU, path);
        yield Threshold.jumpRelu(tensors.vector(THRESHOLD, n));
      }
      case "topk" -> {
        Asked.expectActivation(options, said, Choice.TOPK, path);
        yield Ranked.topK(Asked.k(options, k(yaml, tensors), n, path), Relu.NONE);
      }
      default ->
          throw new BadFileException(
              path, "activation: expected relu, topk or jumprelu, got '" + said + "'");
    };
  }

  private static OptionalInt k(Map<String, String> yaml, WeightTensors tensors) throws IOException {
    OptionalInt inFile = OptionalInt.empty();
    if (tensors.has("k")) {
      inFile = OptionalInt.of(positive(tensors.path(), "" + (long) tensors.scalar("k")));
    }
    if (yaml.containsKey("k")) {
      int inConfig = positive(tensors.path(), yaml.get("k"));
      if (inFile.isPresent() && inFile.getAsInt() != inConfig) {
        throw new BadFileException(
            tensors.path(), "k: is " + inFile.getAsInt() + ", and " + inConfig + " in " + CONFIG);
      }
      return OptionalInt.of(inConfig);
    }
    return inFile;
  }

  private static int positive(Path path, String text) throws BadFileException {
    if (!text.matches("[1-9]\\d{0,8}")) {
      throw new BadFileException(
          path, "k: expected a whole number of at least 1, got '" + text + "'");
    }
    return Integer.parseInt(text);
  }

  private static SaeMetadata metadata(Map<String, String> yaml, Path path) {
    return new SaeMetadata(
        Optional.ofNullable(yaml.get("model_name")),
        Optional.ofNullable(yaml.get("feature_input_hook")),
        Optional.ofNullable(yaml.get("feature_output_hook")),
        new PathHints(path).layer(),
        Optional.empty(),
        Optional.empty(),
        OptionalDouble.empty(),
        false,
        Map.of());
  }
}
