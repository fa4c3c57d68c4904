package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Declared;
import io.github.sae4j.internal.layout.reading.Gains;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.TorchFile;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * dictionary_learning: {@code ae.pt} beside {@code config.json}, whose {@code trainer.dict_class}
 * names one of seven classes. They differ in the names and orientation of their tensors, in whether
 * b_dec is subtracted, and in the activation:
 *
 * <ul>
 *   <li>{@code AutoEncoder}: ReLU, subtracted; its loader moves decoder norms into the encoder, and
 *       so does this reader;
 *   <li>{@code AutoEncoderNew} (April update): ReLU, not subtracted;
 *   <li>{@code GatedAutoEncoder}: gated, subtracted;
 *   <li>{@code AutoEncoderTopK}: TopK, subtracted;
 *   <li>{@code BatchTopKSAE}, {@code MatryoshkaBatchTopKSAE}: one threshold, subtracted; where that
 *       was never estimated (−1), TopK of each row, with a warning;
 *   <li>{@code JumpReluAutoEncoder}: JumpReLU, not subtracted.
 * </ul>
 */
final class DictionaryLearningFamily implements TorchLayouts.Family {
  private static final String CONFIG = "config.json";

  /** Tensors of a linear layer, {@code [n, d]} and {@code [d, n]}, and their biases. */
  private record Names(String wEnc, String bEnc, String wDec, String bDec, boolean linear) {}

  private static final Names STANDARD =
      new Names("encoder.weight", "encoder.bias", "decoder.weight", "bias", true);
  private static final Names APRIL =
      new Names("encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias", true);
  private static final Names GATED =
      new Names("encoder.weight", "gate_bias", "decoder.weight", "decoder_bias", true);
  private static final Names TOPK =
      new Names("encoder.weight", "encoder.bias", "decoder.weight", "b_dec", true);
  private static final Names PLAIN = new Names("W_enc", "b_enc", "W_dec", "b_dec", false);

  @Override
  public Optional<Blueprint> read(
      TorchFile file, WeightTensors tensors, SaeFiles files, ReadOptions options)
      throws IOException {
    Optional<JsonObject> config = files.json(CONFIG);
    boolean named =
        config.isPresent()
            && config.get().members().get("trainer") instanceof Map<?, ?> trainer
            && trainer.containsKey("dict_class");
    if (named) {
      return Optional.of(new Reading(config.get(), tensors, options).blueprint());
    }
    if (tensors.has("encoder.weight") && tensors.has("decoder.weight")) {
      throw new BadFileException(
          tensors.path(),
          "expected "
              + CONFIG
              + " with trainer.dict_class beside it: dictionary_learning's files do not say"
              + " which class they hold");
    }
    return Optional.empty();
  }

  /** One SAE being read. */
  private static final class Reading {
    private final JsonObject trainer;
    private final JsonObject config;
    private final WeightTensors tensors;
    private final ReadOptions options;
    private final Path path;
    private int d;
    private int n;
    private String warning;

    Reading(JsonObject config, WeightTensors tensors, ReadOptions options) throws BadFileException {
      this.config = config;
      this.trainer = config.inside("trainer");
      this.tensors = tensors;
      this.options = options;
      this.path = tensors.path();
    }

    Blueprint blueprint() throws IOException {
      String type = trainer.text("dict_class");
      return switch (type) {
        case "AutoEncoder" ->
            build(type, STANDARD, Set.of(), true, this::relu)
                .fold(weights -> Folding.of(weights.wDec(), 1f, true).apply(weights));
        case "AutoEncoderNew" -> build(type, APRIL, Set.of(), false, this::relu);
        case "GatedAutoEncoder" ->
            build(type, GATED, Set.of("mag_bias", "r_mag"), true, this::gated);
        case "AutoEncoderTopK" ->
            build(type, TOPK, Set.of("k", "threshold"), true, () -> topK(false));
        case "BatchTopKSAE" -> build(type, TOPK, Set.of("k", "threshold"), true, () -> topK(true));
        case "MatryoshkaBatchTopKSAE" ->
            build(type, PLAIN, Set.of("k", "threshold", "group_sizes"), true, () -> topK(true));
        case "JumpReluAutoEncoder" ->
            build(type, PLAIN, Set.of("threshold"), false, this::jumpRelu);
        default ->
            throw trainer.bad(
                "dict_class",
                "AutoEncoder, AutoEncoderNew, GatedAutoEncoder, AutoEncoderTopK, BatchTopKSAE,"
                    + " MatryoshkaBatchTopKSAE or JumpReluAutoEncoder");
      };
    }

    /** Creates the activation once sizes are known. */
    private interface Chosen {
      Activation activation() throws IOException;
    }

    private Blueprint build(
        String type, Names names, Set<String> others, boolean subtracted, Chosen chosen)
        throws IOException {
      Set<String> known = new HashSet<>(others);
      known.addAll(List.of(names.wEnc, names.bEnc, names.wDec, names.bDec));
      tensors.expectOnly(known);
      int[] sizes = tensors.sizes(names.wEnc, 2);
      n = sizes[names.linear ? 0 : 1];
      d = sizes[names.linear ? 1 : 0];
      expectSize("dict_size", n);
      expectSize("activation_dim", d);
      SaeConfig sae =
          SaeConfig.of(d, n, chosen.activation()).withBDecApplied(subtracted).with(metadata(type));
      Blueprint blueprint =
          new Blueprint("dictionary_learning " + type, tensors, sae)
              .encoder(
                  names.linear ? tensors.rows(names.wEnc, n, d) : tensors.columns(names.wEnc, n, d),
                  tensors.vector(names.bEnc, n))
              .decoder(
                  names.linear ? tensors.columns(names.wDec, n, d) : tensors.rows(names.wDec, n, d),
                  tensors.vector(names.bDec, d));
      return warning == null ? blueprint : blueprint.warn(warning);
    }

    private void expectSize(String name, int size) throws BadFileException {
      if (trainer.has(name) && trainer.count(name) != size) {
        throw trainer.bad(name, size + " as in " + path.getFileName());
      }
    }

    private Activation relu() throws BadFileException {
      Asked.expectActivation(options, "relu", Choice.RELU, path);
      return Threshold.RELU;
    }

    private Activation jumpRelu() throws IOException {
      Asked.expectActivation(options, "jumprelu", Choice.JUMPRELU, path);
      return Threshold.jumpRelu(tensors.vector("threshold", n));
    }

    private Activation gated() throws IOException {
      Asked.expectActivation(options, "gated", null, path);
      return Gains.gated(tensors, "r_mag", "mag_bias", n);
    }

    /** TopK and BatchTopK files hold both a k and a threshold, so either may be asked for. */
    private Activation topK(boolean batch) throws IOException {
      double threshold = tensors.has("threshold") ? tensors.scalar("threshold") : -1;
      boolean set = threshold >= 0;
      Choice usual = batch && set ? Choice.JUMPRELU : Choice.TOPK;
      Choice choice = options.activation().orElse(usual);
      return switch (choice) {
        case TOPK -> {
          if (batch && !set && options.activation().isEmpty()) {
            warning =
                "the threshold of BatchTopK was never estimated: read as TopK of each row,"
                    + " where dictionary_learning would apply plain ReLU (--activation relu)";
          }
          yield Ranked.topK(Asked.k(options, k(), n, path), Relu.BEFORE);
        }
        case JUMPRELU -> {
          if (!set) {
            throw new BadFileException(
                path, "threshold: expected one that was estimated, got " + threshold);
          }
          yield Threshold.jumpRelu((float) threshold);
        }
        case RELU -> {
          if (!batch || set) {
            Asked.expectActivation(options, batch ? "jumprelu" : "topk", usual, path);
          }
          yield Threshold.RELU;
        }
      };
    }

    private OptionalInt k() throws IOException {
      if (tensors.has("k")) {
        double k = tensors.scalar("k");
        if (!(k >= 1 && k <= n && k == Math.rint(k))) {
          throw new BadFileException(
              path, "k: expected a whole number from 1 to " + n + ", got " + k);
        }
        return OptionalInt.of((int) k);
      }
      return trainer.has("k") ? OptionalInt.of(trainer.count("k")) : OptionalInt.empty();
    }

    private SaeMetadata metadata(String type) throws IOException {
      Map<String, Object> others = new LinkedHashMap<>();
      if (config.members().get("buffer") instanceof Map<?, ?> buffer
          && buffer.get("ctx_len") instanceof Long length) {
        others.put("context_size", length);
      }
      OptionalDouble l0 = Declared.l0(trainer, "target_l0");
      if (l0.isEmpty() && type.contains("TopK") && k().isPresent()) {
        l0 = OptionalDouble.of(k().getAsInt());
      }
      OptionalInt layer =
          trainer.members().get("layer") instanceof Long number
                  && number >= 0
                  && number <= Integer.MAX_VALUE
              ? OptionalInt.of(number.intValue())
              : OptionalInt.empty();
      return new SaeMetadata(
          text("lm_name"),
          text("submodule_name"),
          Optional.empty(),
          layer,
          Optional.empty(),
          text("trainer_class"),
          l0,
          false,
          others);
    }

    private Optional<String> text(String name) {
      return trainer.members().get(name) instanceof String text
          ? Optional.of(text)
          : Optional.empty();
    }
  }
}
