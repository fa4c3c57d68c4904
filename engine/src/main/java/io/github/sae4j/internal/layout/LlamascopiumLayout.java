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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Llamascopium (OpenMOSS Language-Model-SAEs from 2025 on, with Llama-Scope-R1-Distill): {@code
 * config.json} and {@code sae_weights.safetensors} with {@code W_E [d, n]}, {@code b_E}, {@code W_D
 * [n, d]}, {@code b_D}, or the earlier {@code encoder.weight [n, d]}, {@code decoder.weight [d,
 * n]}. Autoencoders and transcoders of one layer.
 *
 * <p>With {@code norm_activation} dataset-wise the factors √d / norm are folded into the matrices,
 * so that activations and thresholds are in the scale of training. With {@code
 * sparsity_include_decoder_norm} the activation sees pre-activations times decoder norms:
 * thresholds are divided by them; with TopK the norms are folded, and activations are in that
 * scale.
 */
final class LlamascopiumLayout implements Layout {
  private static final String CONFIG = "config.json";
  private static final String NORM = "dataset_average_activation_norm";
  private static final List<String> LOGARITHMS =
      List.of("activation_function.log_jumprelu_threshold", "log_jumprelu_threshold");

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights(SaeLensLayout.WEIGHTS);
    if (path.isEmpty() || files.has(SaeLensLayout.CONFIG) || !files.has(CONFIG)) {
      return Optional.empty();
    }
    JsonObject config = JsonObject.readForeign(files.folder().resolve(CONFIG));
    if (!config.has("act_fn") || !config.has("expansion_factor")) {
      return Optional.empty();
    }
    String type = config.text("sae_type", "sae");
    if (!type.equals("sae")) {
      throw config.bad("sae_type", "sae");
    }
    if (config.flag("use_glu_encoder", false)) {
      throw config.bad("use_glu_encoder", "false");
    }
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
    try {
      return Optional.of(new Reading(config, tensors, options).blueprint());
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  /** One SAE being read. */
  private static final class Reading {
    private final JsonObject config;
    private final WeightTensors tensors;
    private final ReadOptions options;
    private final boolean former;
    private final boolean biased;
    private final int d;
    private final int n;

    Reading(JsonObject config, WeightTensors tensors, ReadOptions options) throws IOException {
      this.config = config;
      this.tensors = tensors;
      this.options = options;
      former = tensors.has("encoder.weight");
      biased = config.flag("use_decoder_bias", true);
      d = config.count("d_model");
      double latents = d * config.number("expansion_factor");
      if (!(latents >= 1 && latents <= Integer.MAX_VALUE)) {
        throw config.bad("expansion_factor", "1 to 2147483647 latents");
      }
      n = (int) latents;
    }

    Blueprint blueprint() throws IOException {
      String in = config.text("hook_point_in", null);
      String out = config.text("hook_point_out", in);
      expectTensors(in, out);
      boolean transcoder = in != null && !in.equals(out);
      // The released form subtracted b_dec where its configuration said so; the present one never
      // does.
      boolean applied = biased && config.flag("apply_decoder_bias_to_pre_encoder", false);
      if (applied && transcoder) {
        throw config.bad("apply_decoder_bias_to_pre_encoder", "false with a transcoder");
      }
      boolean norms = config.flag("sparsity_include_decoder_norm", true);
      String decoder = former ? "decoder.weight" : "W_D";
      WeightTensors.Stored wDec =
          former ? tensors.columns(decoder, n, d) : tensors.rows(decoder, n, d);
      Activation activation = activation(norms, wDec);
      float[] scales = scales(in, out);
      boolean foldNorms = norms && activation instanceof Ranked;
      SaeConfig sae =
          new SaeConfig(
              d,
              d,
              n,
              activation,
              transcoder,
              applied,
              normalization(transcoder),
              metadata(in, transcoder ? out : null));
      String wEnc = former ? "encoder.weight" : "W_E";
      Blueprint blueprint =
          new Blueprint("Llamascopium", tensors, sae)
              .encoder(
                  former ? tensors.rows(wEnc, n, d) : tensors.columns(wEnc, n, d),
                  tensors.vector(former ? "encoder.bias" : "b_E", n))
              .decoder(
                  wDec, biased ? tensors.vector(former ? "decoder.bias" : "b_D", d) : new float[d])
              .fold(weights -> fold(weights, scales, foldNorms));
      if (foldNorms) {
        blueprint.warn(
            "decoder norms are folded: activations are in the scale in which they are ranked");
      }
      return blueprint;
    }

    private void expectTensors(String in, String out) throws BadFileException {
      Set<String> known =
          new HashSet<>(
              former
                  ? List.of("encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias")
                  : List.of("W_E", "b_E", "W_D", "b_D"));
      known.addAll(LOGARITHMS);
      known.add(NORM + "." + in);
      known.add(NORM + "." + out);
      tensors.expectOnly(known);
    }

    private Activation activation(boolean norms, WeightTensors.Stored wDec) throws IOException {
      String name = config.text("act_fn");
      Path path = config.path();
      switch (name) {
        case "relu" -> {
          Asked.expectActivation(options, name, Choice.RELU, path);
          return Threshold.RELU;
        }
        case "topk" -> {
          Asked.expectActivation(options, name, Choice.TOPK, path);
          OptionalInt k =
              config.has("top_k") ? OptionalInt.of(config.count("top_k")) : OptionalInt.empty();
          return Ranked.topK(Asked.k(options, k, n, path), Relu.BEFORE);
        }
        case "jumprelu" -> {
          Asked.expectActivation(options, name, Choice.JUMPRELU, path);
          return Threshold.jumpRelu(thresholds(norms ? tensors.rowNorms(wDec, n, d) : null));
        }
        default -> throw config.bad("act_fn", "relu, jumprelu or topk");
      }
    }

    /**
     * exp of the stored values, divided by decoder norms where the activation sees pre-activations
     * times norms.
     */
    private float[] thresholds(float[] norms) throws IOException {
      for (String name : LOGARITHMS) {
        if (tensors.has(name)) {
          float[] theta = tensors.vector(name, n);
          for (int i = 0; i < n; i++) {
            double threshold = StrictMath.exp(theta[i]);
            // A latent with a decoder norm of 0 contributes nothing: an infinite threshold turns it
            // off.
            theta[i] = (float) (norms == null ? threshold : threshold / norms[i]);
          }
          return theta;
        }
      }
      throw new BadFileException(
          tensors.path(), "expected a tensor '" + LOGARITHMS.getFirst() + "' with jumprelu");
    }

    private InputNormalization normalization(boolean transcoder) throws BadFileException {
      String norm = config.text("norm_activation", "dataset-wise");
      return switch (norm) {
        case "dataset-wise", "inference" -> InputNormalization.NONE;
        case "token-wise" -> {
          if (transcoder) {
            throw config.bad("norm_activation", "dataset-wise or inference with a transcoder");
          }
          yield InputNormalization.CONSTANT_NORM;
        }
        default -> throw config.bad("norm_activation", "dataset-wise, token-wise or inference");
      };
    }

    /**
     * √d over the average norms of inputs and outputs, from tensors or configuration; null if not
     * used.
     */
    private float[] scales(String in, String out) throws IOException {
      if (!config.text("norm_activation", "dataset-wise").equals("dataset-wise")) {
        return null;
      }
      String[] hooks = {in, out};
      String[] sides = {"in", "out"};
      float[] scales = new float[2];
      for (int i = 0; i < 2; i++) {
        String tensor = NORM + "." + hooks[i];
        double norm;
        if (tensors.has(tensor)) {
          norm = tensors.scalar(tensor);
        } else if (config.has(NORM)) {
          JsonObject norms = config.inside(NORM);
          norm = norms.number(norms.has(sides[i]) ? sides[i] : String.valueOf(hooks[i]));
        } else {
          throw new BadFileException(
              tensors.path(),
              "norm_activation is dataset-wise: expected a tensor '"
                  + tensor
                  + "' or "
                  + NORM
                  + " in the configuration");
        }
        scales[i] = (float) (Math.sqrt(d) / norm);
        if (!(scales[i] > 0) || !Float.isFinite(scales[i])) {
          throw new BadFileException(
              tensors.path(), tensor + ": expected a positive number, got " + norm);
        }
      }
      return scales;
    }

    private SaeMetadata metadata(String in, String out) throws BadFileException {
      boolean counted = config.text("act_fn").endsWith("topk");
      return new SaeMetadata(
          Optional.empty(),
          Optional.ofNullable(in),
          Optional.ofNullable(out),
          OptionalInt.empty(),
          Optional.empty(),
          Optional.empty(),
          counted ? Declared.l0(config, "top_k") : OptionalDouble.empty(),
          false,
          Map.of());
    }

    private static void fold(SaeWeights weights, float[] scales, boolean norms) {
      // Norms first: training divided by the norms of the unscaled decoder.
      if (norms) {
        Folding.of(weights.wDec(), 1f, true).apply(weights);
      }
      if (scales != null) {
        Rescaling.multiply(weights.wEnc(), scales[0]);
        Rescaling.divide(weights.wDec(), scales[1]);
        Rescaling.divide(weights.bDec(), scales[1]);
      }
    }
  }
}
