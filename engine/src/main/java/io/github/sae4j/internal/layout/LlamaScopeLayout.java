package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Declared;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.Rescaling;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Llama Scope (2024): {@code hyperparams.json} and {@code checkpoints/final.safetensors} with
 * {@code encoder.weight [n, d]}, {@code decoder.weight [d, n]} and biases. Loaded as its authors
 * did at its release, in three steps, all folded:
 *
 * <ol>
 *   <li>{@code norm_activation} dataset-wise, with s_in = √d / norm_in and s_out = √d / norm_out:
 *       b_enc / s_in, b_dec / s_out, W_dec · s_in / s_out. Activations are then those of rows
 *       without normalisation;
 *   <li>{@code sparsity_include_decoder_norm}: decoder rows to norm 1, the encoder multiplied by
 *       their norms;
 *   <li>pre-activations above {@code jump_relu_threshold} pass, in this scale; this also holds for
 *       TopK with a positive threshold.
 * </ol>
 */
final class LlamaScopeLayout implements Layout {
  static final String CONFIG = "hyperparams.json";
  private static final List<String> WEIGHTS =
      List.of("checkpoints/pruned.safetensors", "checkpoints/final.safetensors");

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    for (String name : WEIGHTS) {
      Optional<Path> path = files.weights(name);
      if (path.isPresent()) {
        Path folder = path.get().toAbsolutePath().getParent().getParent();
        JsonObject config = JsonObject.readForeign(folder.resolve(CONFIG));
        WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
        try {
          return Optional.of(blueprint(config, tensors, options));
        } catch (Throwable e) {
          tensors.close();
          throw e;
        }
      }
    }
    return Optional.empty();
  }

  private static Blueprint blueprint(JsonObject json, WeightTensors tensors, ReadOptions options)
      throws IOException {
    if (json.flag("use_glu_encoder", false)) {
      throw json.bad("use_glu_encoder", "false");
    }
    boolean biased = json.flag("use_decoder_bias", true);
    tensors.expectOnly(Set.of("encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"));
    int d = json.count("d_model");
    int n = json.count("d_sae");
    String in = json.text("hook_point_in", null);
    String out = json.text("hook_point_out", in);
    boolean transcoder = in != null && !in.equals(out);
    boolean applied = biased && json.flag("apply_decoder_bias_to_pre_encoder", true);
    if (applied && transcoder) {
      throw json.bad("apply_decoder_bias_to_pre_encoder", "false with a transcoder");
    }
    String norm = json.text("norm_activation");
    SaeConfig config =
        new SaeConfig(
            d,
            d,
            n,
            activation(json, n, options),
            transcoder,
            applied,
            normalization(json, norm, transcoder),
            metadata(json, in, transcoder ? out : null));
    float[] scales = norm.equals("dataset-wise") ? scales(json, d) : null;
    boolean decoderNorms = json.flag("sparsity_include_decoder_norm", true);
    return new Blueprint("Llama Scope", tensors, config)
        .encoder(tensors.rows("encoder.weight", n, d), tensors.vector("encoder.bias", n))
        .decoder(
            tensors.columns("decoder.weight", n, d),
            biased ? tensors.vector("decoder.bias", d) : new float[d])
        .fold(weights -> fold(weights, scales, decoderNorms));
  }

  private static void fold(SaeWeights weights, float[] scales, boolean decoderNorms) {
    if (scales != null) {
      Rescaling.divide(weights.bEnc(), scales[0]);
      Rescaling.divide(weights.bDec(), scales[1]);
      Rescaling.multiply(weights.wDec(), scales[0]);
      Rescaling.divide(weights.wDec(), scales[1]);
    }
    if (decoderNorms) {
      Folding.of(weights.wDec(), 1f, true).apply(weights);
    }
  }

  private static Activation activation(JsonObject json, int n, ReadOptions options)
      throws BadFileException {
    double threshold = json.has("jump_relu_threshold") ? json.number("jump_relu_threshold") : 0;
    String name = json.text("act_fn");
    return switch (name) {
      case "relu" -> {
        Asked.expectActivation(options, name, Choice.RELU, json.path());
        yield Threshold.RELU;
      }
      case "topk" -> {
        if (threshold > 0) {
          Asked.expectActivation(options, "jumprelu", Choice.JUMPRELU, json.path());
          yield Threshold.jumpRelu((float) threshold);
        }
        Asked.expectActivation(options, name, Choice.TOPK, json.path());
        OptionalInt k =
            json.has("top_k") ? OptionalInt.of(json.count("top_k")) : OptionalInt.empty();
        yield Ranked.topK(Asked.k(options, k, n, json.path()), Relu.BEFORE);
      }
      case "jumprelu" -> {
        Asked.expectActivation(options, name, Choice.JUMPRELU, json.path());
        if (!json.has("jump_relu_threshold")) {
          throw json.bad("jump_relu_threshold", "a number");
        }
        yield Threshold.jumpRelu((float) threshold);
      }
      default -> throw json.bad("act_fn", "relu, topk or jumprelu");
    };
  }

  private static InputNormalization normalization(JsonObject json, String norm, boolean transcoder)
      throws BadFileException {
    return switch (norm) {
      case "dataset-wise", "none", "inference" -> InputNormalization.NONE;
      case "token-wise" -> {
        // Its output would be rescaled by the norm of a target row, which is not available.
        if (transcoder) {
          throw json.bad("norm_activation", "dataset-wise with a transcoder");
        }
        yield InputNormalization.CONSTANT_NORM;
      }
      default -> throw json.bad("norm_activation", "dataset-wise, token-wise, inference or none");
    };
  }

  /** √d over the average norm, of inputs and of outputs. */
  private static float[] scales(JsonObject json, int d) throws BadFileException {
    JsonObject norms = json.inside("dataset_average_activation_norm");
    float[] scales = new float[2];
    for (int i = 0; i < 2; i++) {
      String side = i == 0 ? "in" : "out";
      scales[i] = (float) (Math.sqrt(d) / norms.number(side));
      if (!(scales[i] > 0) || !Float.isFinite(scales[i])) {
        throw norms.bad(side, "a positive number");
      }
    }
    return scales;
  }

  private static SaeMetadata metadata(JsonObject json, String in, String out)
      throws BadFileException {
    boolean counted = json.text("act_fn").equals("topk");
    return new SaeMetadata(
        Optional.empty(),
        Optional.ofNullable(in),
        Optional.ofNullable(out),
        OptionalInt.empty(),
        Optional.empty(),
        Optional.of(json.text("act_fn")),
        counted ? Declared.l0(json, "top_k") : OptionalDouble.empty(),
        false,
        Map.of());
  }
}
