package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Gains;
import io.github.sae4j.internal.layout.reading.Layout;
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
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * SAELens's folder: {@code cfg.json}, {@code sae_weights.safetensors} ({@code W_enc [d_in, d_sae]},
 * {@code b_enc [d_sae]}, {@code W_dec [d_sae, d_out]}, {@code b_dec [d_out]}, and further tensors
 * of an architecture). SAELens 6 and earlier layouts. {@code sparsity.safetensors} is not read.
 *
 * <p>What SAELens applies at run time and can be folded is folded: {@code
 * rescale_acts_by_decoder_norm}, and the factor in {@code activation_scaler.json} of a checkpoint
 * taken during training with {@code expected_average_only_in}. Training checkpoints of BatchTopK
 * are read as SAELens exports them: with one threshold for all latents.
 */
public final class SaeLensLayout implements Layout {
  /** The file of the configuration. */
  public static final String CONFIG = "cfg.json";

  /** The file of the weights. */
  public static final String WEIGHTS = "sae_weights.safetensors";

  /** log10 of how often latents fire; SAELens does not need it, nor does reading here. */
  public static final String SPARSITY = "sparsity.safetensors";

  private static final String SCALER = "activation_scaler.json";

  /** SAELens drops factors that torch.allclose considers equal to one. */
  private static final double NEAR_ONE = 1e-5 + 1e-8;

  private static final String AVERAGE = "expected_average_only_in";

  /** Rows are flat here, so it changes nothing, but is kept for SAELens. */
  private static final String RESHAPE = "reshape_activations";

  /** Members that SAELens moved into the metadata with version 6. */
  private static final List<String> FORMER_METADATA =
      List.of(
          "model_name",
          "model_class_name",
          "hook_name",
          "hook_layer",
          "hook_head_index",
          "context_size",
          "dataset_path",
          "prepend_bos",
          "seqpos_slice",
          "model_from_pretrained_kwargs",
          "neuronpedia_id",
          "sae_lens_version",
          "sae_lens_training_version");

  private static final Map<String, InputNormalization> NORMALIZATIONS =
      Map.of(
          "none", InputNormalization.NONE,
          "constant_norm_rescale", InputNormalization.CONSTANT_NORM,
          "layer_norm", InputNormalization.LAYER_NORM);

  private static final Map<String, String> REFUSED =
      Map.of(
          "matching_pursuit", "its code depends on a search over the residual, not on one product",
          "temporal", "it maps sequences, not vectors");

  /** Names of architectures, and the tensors of each beside the weights and b_dec. */
  private enum Architecture {
    STANDARD("standard", List.of("b_enc")),
    TOPK("topk", List.of("b_enc")),
    BATCHTOPK("batchtopk", List.of("b_enc", "topk_threshold")),
    MATRYOSHKA("matryoshka_batchtopk", List.of("b_enc", "topk_threshold")),
    JUMPRELU("jumprelu", List.of("b_enc", "threshold")),
    GATED("gated", List.of("b_gate", "b_mag", "r_mag")),
    TRANSCODER("transcoder", List.of("b_enc")),
    SKIP_TRANSCODER("skip_transcoder", List.of("b_enc", "W_skip")),
    JUMPRELU_TRANSCODER("jumprelu_transcoder", List.of("b_enc", "threshold")),
    JUMPRELU_SKIP_TRANSCODER("jumprelu_skip_transcoder", List.of("b_enc", "threshold", "W_skip"));

    final String key;
    final List<String> tensors;

    Architecture(String key, List<String> tensors) {
      this.key = key;
      this.tensors = tensors;
    }

    boolean transcoder() {
      return key.endsWith("transcoder");
    }

    boolean trained() {
      return this == BATCHTOPK || this == MATRYOSHKA;
    }
  }

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights(WEIGHTS);
    if (path.isEmpty() || !files.has(CONFIG) && files.has("config.json")) {
      return Optional.empty();
    }
    JsonObject cfg = JsonObject.readForeign(files.folder().resolve(CONFIG));
    Architecture architecture = architecture(cfg, options);
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
    try {
      return Optional.of(blueprint(files, cfg, architecture, tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Blueprint blueprint(
      SaeFiles files,
      JsonObject cfg,
      Architecture architecture,
      WeightTensors tensors,
      ReadOptions options)
      throws IOException {
    int dIn = cfg.count("d_in");
    int dSae = cfg.count("d_sae");
    int dOut = architecture.transcoder() ? cfg.count("d_out") : dIn;
    checkType(cfg);
    expectTensors(tensors, architecture);
    // Checked before anything is allocated: the file holds at least these.
    WeightTensors.Stored wEnc = tensors.columns("W_enc", dSae, dIn);
    WeightTensors.Stored wDec = tensors.rows("W_dec", dSae, dOut);
    boolean skip = architecture.tensors.contains("W_skip");
    WeightTensors.Stored wSkip = skip ? tensors.rows("W_skip", dOut, dIn) : null;
    Activation activation = activation(cfg, architecture, tensors, dSae, options);
    String normalization = normalization(cfg);
    boolean average = normalization.equals(AVERAGE);
    boolean applied = applied(cfg, architecture);
    SaeConfig config =
        new SaeConfig(
            dIn,
            dOut,
            dSae,
            activation,
            architecture.transcoder(),
            applied,
            average ? InputNormalization.NONE : NORMALIZATIONS.get(normalization),
            metadata(cfg, architecture));
    if (config.normalization() != InputNormalization.NONE && skip) {
      throw cfg.bad("normalize_activations", "none with a skip connection");
    }
    float[] bEnc = tensors.vector(architecture == Architecture.GATED ? "b_gate" : "b_enc", dSae);
    float[] bDec = tensors.vector("b_dec", dOut);
    checkScalingFactor(tensors, dSae);
    Blueprint blueprint =
        new Blueprint("SAELens " + architecture.key, tensors, config)
            .encoder(wEnc, bEnc)
            .decoder(wDec, bDec)
            .skip(wSkip);
    float scale = average ? inputScale(files, architecture, cfg, blueprint) : 1f;
    boolean rescaled = rescaled(cfg, architecture);
    if (scale != 1f || rescaled) {
      blueprint.fold(weights -> Folding.of(weights.wDec(), scale, rescaled).apply(weights));
    }
    return blueprint;
  }

  /**
   * The architecture, in the notation of any version. Before SAELens 6, an activation function
   * {@code topk} decided, whatever the architecture's name.
   */
  private static Architecture architecture(JsonObject cfg, ReadOptions options)
      throws BadFileException {
    String name = cfg.text("architecture", null);
    String function = cfg.text("activation_fn", cfg.text("activation_fn_str", null));
    Architecture named = name == null ? null : named(cfg, name);
    if (function == null) {
      return named != null ? named : chosen(cfg, options);
    }
    boolean plain = named == null || named == Architecture.STANDARD;
    return switch (function) {
      case "topk" -> {
        if (!plain && named != Architecture.TOPK) {
          throw new BadFileException(
              cfg.path(), "architecture: " + name + " contradicts activation function topk");
        }
        yield Architecture.TOPK;
      }
      case "relu" -> {
        if (named == Architecture.TOPK || named != null && named.trained()) {
          throw new BadFileException(
              cfg.path(), "architecture: " + name + " contradicts activation function relu");
        }
        yield plain ? Architecture.STANDARD : named;
      }
      default ->
          throw new BadFileException(
              cfg.path(), "activation_fn: expected relu or topk, got '" + function + "'");
    };
  }

  private static Architecture named(JsonObject cfg, String name) throws BadFileException {
    if (REFUSED.containsKey(name)) {
      throw new BadFileException(
          cfg.path(), "architecture: cannot read " + name + ": " + REFUSED.get(name));
    }
    for (Architecture architecture : Architecture.values()) {
      if (architecture.key.equals(name)) {
        return architecture;
      }
    }
    throw cfg.bad(
        "architecture",
        "one of "
            + String.join(", ", Stream.of(Architecture.values()).map(each -> each.key).toList()));
  }

  private static Architecture chosen(JsonObject cfg, ReadOptions options) throws BadFileException {
    return switch (options.activation().orElse(null)) {
      case RELU -> Architecture.STANDARD;
      case TOPK -> Architecture.TOPK;
      case JUMPRELU -> Architecture.JUMPRELU;
      case null ->
          throw new BadFileException(
              cfg.path(),
              "expected an architecture or an activation_fn, found neither;"
                  + " give the activation (--activation) if you know it");
    };
  }

  private static Activation activation(
      JsonObject cfg,
      Architecture architecture,
      WeightTensors tensors,
      int dSae,
      ReadOptions options)
      throws IOException {
    Path path = cfg.path();
    return switch (architecture) {
      case STANDARD, TRANSCODER, SKIP_TRANSCODER -> {
        Asked.expectActivation(options, "relu", Choice.RELU, path);
        yield Threshold.RELU;
      }
      case TOPK -> {
        Asked.expectActivation(options, "topk", Choice.TOPK, path);
        yield Ranked.topK(Asked.k(options, k(cfg), dSae, path), Relu.AFTER);
      }
      case JUMPRELU, JUMPRELU_TRANSCODER, JUMPRELU_SKIP_TRANSCODER -> {
        Asked.expectActivation(options, "jumprelu", Choice.JUMPRELU, path);
        yield Threshold.jumpRelu(tensors.vector("threshold", dSae));
      }
      case BATCHTOPK, MATRYOSHKA -> {
        Asked.expectActivation(options, architecture.key, Choice.JUMPRELU, path);
        float threshold = (float) tensors.scalar("topk_threshold");
        if (!(threshold > 0) || !Float.isFinite(threshold)) {
          throw new BadFileException(
              tensors.path(),
              "topk_threshold: expected a positive number, as training estimates it, got "
                  + threshold);
        }
        yield Threshold.jumpRelu(threshold);
      }
      case GATED -> {
        Asked.expectActivation(options, "gated", null, path);
        yield Gains.gated(tensors, "r_mag", "b_mag", dSae);
      }
    };
  }

  private static OptionalInt k(JsonObject cfg) throws BadFileException {
    if (cfg.has("k")) {
      return OptionalInt.of(cfg.count("k"));
    }
    boolean former = cfg.has("activation_fn_kwargs") && cfg.inside("activation_fn_kwargs").has("k");
    return former
        ? OptionalInt.of(cfg.inside("activation_fn_kwargs").count("k"))
        : OptionalInt.empty();
  }

  private static void expectTensors(WeightTensors tensors, Architecture architecture)
      throws BadFileException {
    Set<String> known = new HashSet<>(architecture.tensors);
    known.addAll(List.of("W_enc", "W_dec", "b_dec", "scaling_factor"));
    tensors.expectOnly(known);
  }

  /** {@code apply_b_dec_to_input}; a transcoder's b_dec belongs to its output. */
  private static boolean applied(JsonObject cfg, Architecture architecture)
      throws BadFileException {
    boolean applied = cfg.flag("apply_b_dec_to_input", !architecture.transcoder());
    if (applied && architecture.transcoder()) {
      throw cfg.bad("apply_b_dec_to_input", "false with a transcoder");
    }
    return applied;
  }

  private static boolean rescaled(JsonObject cfg, Architecture architecture)
      throws BadFileException {
    boolean rescaled = cfg.flag("rescale_acts_by_decoder_norm", false);
    // Others have no such option, so its meaning there is unknown.
    if (rescaled && architecture != Architecture.TOPK && !architecture.trained()) {
      throw cfg.bad("rescale_acts_by_decoder_norm", "false with " + architecture.key);
    }
    return rescaled;
  }

  /** SAELens before 6 could fine-tune a factor per latent; it drops one that does nothing. */
  private static void checkScalingFactor(WeightTensors tensors, int dSae) throws IOException {
    if (tensors.has("scaling_factor")) {
      for (float factor : tensors.vector("scaling_factor", dSae)) {
        if (!(Math.abs(factor - 1.0) <= NEAR_ONE)) {
          throw new BadFileException(
              tensors.path(),
              "scaling_factor: expected ones (no fine-tuned factors), found " + factor);
        }
      }
    }
  }

  private static void checkType(JsonObject cfg) throws BadFileException {
    String name = cfg.text("dtype", "float32");
    String plain = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
    if (!Set.of("float64", "float32", "float16", "bfloat16").contains(plain)) {
      throw cfg.bad("dtype", "float64, float32, float16 or bfloat16");
    }
  }

  private static String normalization(JsonObject cfg) throws BadFileException {
    if (cfg.members().get("normalize_activations") instanceof Boolean flag) {
      return flag ? AVERAGE : "none"; // SAELens before 3.4
    }
    String name = cfg.text("normalize_activations", "none");
    if (!name.equals(AVERAGE) && !NORMALIZATIONS.containsKey(name)) {
      throw cfg.bad(
          "normalize_activations",
          "none, expected_average_only_in, constant_norm_rescale or layer_norm");
    }
    return name;
  }

  private static float inputScale(
      SaeFiles files, Architecture architecture, JsonObject cfg, Blueprint blueprint)
      throws IOException {
    Optional<JsonObject> scaler = files.json(SCALER);
    if (scaler.isPresent() && scaler.get().has("scaling_factor")) {
      float factor = (float) scaler.get().number("scaling_factor");
      if (!(factor > 0) || !Float.isFinite(factor)) {
        throw scaler.get().bad("scaling_factor", "a positive number or null");
      }
      if (architecture.transcoder()) {
        throw cfg.bad("normalize_activations", "no factor left to fold with a transcoder");
      }
      return factor;
    }
    blueprint.warn(
        "normalize_activations is "
            + AVERAGE
            + " and no "
            + SCALER
            + " with a factor is beside it; assumed to be folded into the weights already");
    return 1f;
  }

  private static SaeMetadata metadata(JsonObject cfg, Architecture architecture)
      throws BadFileException {
    boolean present = cfg.has("metadata");
    Map<String, Object> metadata =
        new LinkedHashMap<>(present ? cfg.object("metadata") : formerMetadata(cfg));
    // Before the option existed, it followed from the hook's name.
    boolean byName = !present && String.valueOf(metadata.get("hook_name")).contains("hook_z");
    String reshape = cfg.text(RESHAPE, byName ? "hook_z" : "none");
    if (!Set.of("none", "hook_z").contains(reshape)) {
      throw cfg.bad(RESHAPE, "none or hook_z");
    }
    if (reshape.equals("hook_z")) {
      metadata.put(RESHAPE, reshape);
    }
    if (architecture.trained()) {
      metadata.putIfAbsent("training_architecture", architecture.key);
      if (cfg.has("k")) {
        metadata.putIfAbsent("l0", cfg.number("k"));
      }
    }
    return SaeMetadata.of(metadata);
  }

  private static Map<String, Object> formerMetadata(JsonObject cfg) throws BadFileException {
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (String name : FORMER_METADATA) {
      if (cfg.members().containsKey(name)) {
        metadata.put(name, cfg.members().get(name));
      }
    }
    String former = cfg.text("hook_point", null);
    if (former != null) {
      metadata.putIfAbsent("hook_name", former);
    }
    return metadata;
  }
}
