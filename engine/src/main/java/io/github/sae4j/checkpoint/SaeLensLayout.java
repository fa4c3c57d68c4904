package io.github.sae4j.checkpoint;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.DiskFile;
import io.github.sae4j.format.Json;
import io.github.sae4j.format.SafetensorsFile;
import io.github.sae4j.format.SafetensorsOutput;
import io.github.sae4j.format.TensorFile;
import io.github.sae4j.format.TensorInfo;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.TopKSae;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * SAELens's folder: {@code cfg.json}, {@code sae_weights.safetensors} ({@code W_enc [d_in, d_sae]},
 * {@code b_enc [d_sae]}, {@code W_dec [d_sae, d_in]}, {@code b_dec [d_in]}). Written as SAELens 6
 * reads it; read from SAELens 6, and from the earlier layouts of TopK as far as they say what they
 * are. {@code sparsity.safetensors}, which SAELens writes and does not need, is neither written nor
 * read: how often latents fire on the rows held out is in a run's {@code evaluation.json}.
 *
 * <p>What is written is folded, so that {@code rescale_acts_by_decoder_norm} is false there: with
 * true, SAELens would divide and multiply by norms that are 1.
 *
 * <p>On reading, what SAELens applies at run time and can be folded is folded: {@code
 * rescale_acts_by_decoder_norm}, and the factor in {@code activation_scaler.json} that a checkpoint
 * in the middle of training with {@code expected_average_only_in} has.
 */
public final class SaeLensLayout {
  static final String CONFIG = "cfg.json";
  static final String WEIGHTS = "sae_weights.safetensors";
  private static final String SCALER = "activation_scaler.json";

  /** What SAELens takes as the present layout; without it, or below 6, it re-maps keys. */
  private static final String VERSION = "6.18.0";

  private static final String AVERAGE = "expected_average_only_in";

  /**
   * Whether SAELens flattens heads before encoding ("hook_z"). Rows are flat here, so that it
   * changes nothing, but SAELens needs it back: it travels in the metadata.
   */
  private static final String RESHAPE = "reshape_activations";

  private static final System.Logger LOG = System.getLogger("io.github.sae4j.checkpoint");

  /** Members that SAELens before 6 kept beside the weights' and keeps in the metadata now. */
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

  /** SAELens drops factors that torch.allclose takes for ones. */
  private static final double NEAR_ONE = 1e-5 + 1e-8;

  private SaeLensLayout() {}

  /** Whether the folder looks like this layout. */
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(WEIGHTS));
  }

  static TopKSae read(Path folder, Device device) throws IOException {
    ConfigFile file = ConfigFile.readForeign(folder.resolve(CONFIG));
    checkArchitecture(file);
    int dIn = file.count("d_in");
    int dSae = file.count("d_sae");
    int k = k(file);
    if (k > dSae) {
      throw new BadFileException(file.path(), "k: expected at most d_sae = " + dSae + ", got " + k);
    }
    checkType(file);
    String normalization = normalization(file);
    boolean average = normalization.equals(AVERAGE);
    SaeConfig config =
        new SaeConfig(
            dIn,
            dSae,
            k,
            file.flag("apply_b_dec_to_input", true),
            average ? InputNormalization.NONE : NORMALIZATIONS.get(normalization),
            Relu.AFTER,
            metadata(file));
    float scale = average ? inputScale(folder) : 1f;
    boolean rescaled = file.flag("rescale_acts_by_decoder_norm", false);
    SaeWeights weights = readWeights(folder.resolve(WEIGHTS), device, config);
    try {
      if (rescaled || scale != 1f) {
        Folding.of(weights.wDec(), scale, rescaled).apply(weights);
        checkFolded(folder, weights);
      }
      return new TopKSae(device, config, weights);
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  private static SaeWeights readWeights(Path path, Device device, SaeConfig config)
      throws IOException {
    int d = config.dIn();
    int n = config.dSae();
    try (TensorFile file = SafetensorsFile.open(path)) {
      WeightTensors tensors = new WeightTensors(file);
      tensors.expectOnly(Set.of("W_enc", "b_enc", "W_dec", "b_dec", "scaling_factor"));
      // Before anything is allocated: the file is at least as large as these say.
      TensorInfo wEnc = tensors.check("W_enc", d, n);
      TensorInfo bEnc = tensors.check("b_enc", n);
      TensorInfo wDec = tensors.check("W_dec", n, d);
      TensorInfo bDec = tensors.check("b_dec", d);
      SaeWeights weights = SaeWeights.allocate(device, d, n);
      try {
        tensors.readTransposed(wEnc, weights.wEnc());
        tensors.read(bEnc, weights.bEnc());
        tensors.read(wDec, weights.wDec());
        tensors.read(bDec, weights.bDec());
        if (tensors.has("scaling_factor")) {
          checkScalingFactor(tensors, tensors.check("scaling_factor", n), path);
        }
        return weights;
      } catch (Throwable e) {
        weights.close();
        throw e;
      }
    }
  }

  /** Factors and norms may be finite and still too large, or too small, to fold. */
  private static void checkFolded(Path folder, SaeWeights weights) throws BadFileException {
    for (Matrix tensor : List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())) {
      float[] row = new float[tensor.cols()];
      for (int r = 0; r < tensor.rows(); r++) {
        tensor.read(r, 1, row, 0);
        if (WeightTensors.notFinite(row) >= 0) {
          throw new BadFileException(
              folder, "expected weights that stay finite with factor and decoder norms folded");
        }
      }
    }
  }

  /** SAELens before 6 could fine-tune a factor per latent; it drops one that does nothing. */
  private static void checkScalingFactor(WeightTensors tensors, TensorInfo tensor, Path path)
      throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix factors = memory.vector(Math.toIntExact(tensor.elements()));
      tensors.read(tensor, factors);
      for (float factor : factors.toArray()) {
        if (!(Math.abs(factor - 1.0) <= NEAR_ONE)) {
          throw new BadFileException(
              path, "scaling_factor: expected ones (no fine-tuned factors), found " + factor);
        }
      }
    }
  }

  private static void checkArchitecture(ConfigFile file) throws BadFileException {
    String activation = file.text("activation_fn", file.text("activation_fn_str", "topk"));
    boolean formerTopK = activation.equals("topk") && file.has("activation_fn_kwargs");
    String architecture = file.text("architecture", formerTopK ? "topk" : "standard");
    // Before architecture "topk" existed, a standard SAE with a TopK activation was one.
    boolean topK = architecture.equals("topk") || architecture.equals("standard") && formerTopK;
    if (!topK || !activation.equals("topk")) {
      throw new BadFileException(
          file.path(),
          "architecture: expected topk, found "
              + architecture
              + (activation.equals("topk") ? "" : " with activation function " + activation));
    }
  }

  private static int k(ConfigFile file) throws BadFileException {
    return file.has("k") || !file.has("activation_fn_kwargs")
        ? file.count("k")
        : file.inside("activation_fn_kwargs").count("k");
  }

  private static void checkType(ConfigFile file) throws BadFileException {
    String name = file.text("dtype", "float32");
    String plain = name.startsWith("torch.") ? name.substring("torch.".length()) : name;
    if (!Set.of("float64", "float32", "float16", "bfloat16").contains(plain)) {
      throw file.bad("dtype", "float64, float32, float16 or bfloat16");
    }
  }

  private static String normalization(ConfigFile file) throws BadFileException {
    if (file.members().get("normalize_activations") instanceof Boolean flag) {
      return flag ? AVERAGE : "none"; // SAELens before 3.4
    }
    String name = file.text("normalize_activations", "none");
    if (!name.equals(AVERAGE) && !NORMALIZATIONS.containsKey(name)) {
      throw file.bad(
          "normalize_activations",
          "none, expected_average_only_in, constant_norm_rescale or layer_norm");
    }
    return name;
  }

  private static float inputScale(Path folder) throws IOException {
    Path path = folder.resolve(SCALER);
    if (Files.exists(path)) {
      ConfigFile file = ConfigFile.readForeign(path);
      if (file.has("scaling_factor")) {
        float factor = (float) file.number("scaling_factor");
        if (!(factor > 0) || !Float.isFinite(factor)) {
          throw file.bad("scaling_factor", "a positive number or null");
        }
        return factor;
      }
    }
    LOG.log(
        System.Logger.Level.WARNING,
        "{0}: normalize_activations is {1} and no {2} with a factor is beside it;"
            + " taken as folded into the weights already",
        folder,
        AVERAGE,
        SCALER);
    return 1f;
  }

  private static Map<String, Object> metadata(ConfigFile file) throws BadFileException {
    boolean present = file.has("metadata");
    Map<String, Object> metadata =
        new LinkedHashMap<>(present ? file.object("metadata") : formerMetadata(file));
    // Before the option existed, the hook's name said it.
    boolean byName = !present && String.valueOf(metadata.get("hook_name")).contains("hook_z");
    String reshape = file.text(RESHAPE, byName ? "hook_z" : "none");
    if (!Set.of("none", "hook_z").contains(reshape)) {
      throw file.bad(RESHAPE, "none or hook_z");
    }
    if (reshape.equals("hook_z")) {
      metadata.put(RESHAPE, reshape);
    }
    return metadata;
  }

  private static Map<String, Object> formerMetadata(ConfigFile file) throws BadFileException {
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (String name : FORMER_METADATA) {
      if (file.members().containsKey(name)) {
        metadata.put(name, file.members().get(name));
      }
    }
    String former = file.text("hook_point", null);
    if (former != null) {
      metadata.putIfAbsent("hook_name", former);
    }
    return metadata;
  }

  /**
   * Writes an SAE into a folder that exists, as F32. Nothing of the weights' size is allocated;
   * folding happens on the way. For a folder that appears complete or not at all, call this inside
   * {@link AtomicFolder#write} or use {@link CheckpointStore} or {@link SaeCheckpoint#save}.
   *
   * @param folder receives {@code cfg.json} and {@code sae_weights.safetensors}
   * @param config what the SAE computes once folded; its metadata is written with the layout's
   *     version in it
   * @param weights weights before folding
   * @param folding what to fold into them
   * @throws IOException if writing fails
   */
  public static void write(Path folder, SaeConfig config, SaeWeights weights, Folding folding)
      throws IOException {
    DiskFile.write(folder.resolve(CONFIG), Json.pretty(members(config)));
    long d = config.dIn();
    long n = config.dSae();
    List<TensorInfo> tensors =
        List.of(
            new TensorInfo("W_enc", ElementType.F32, List.of(d, n)),
            new TensorInfo("b_enc", ElementType.F32, List.of(n)),
            new TensorInfo("W_dec", ElementType.F32, List.of(n, d)),
            new TensorInfo("b_dec", ElementType.F32, List.of(d)));
    try (SafetensorsOutput output =
        SafetensorsOutput.create(folder.resolve(WEIGHTS), Map.of(), tensors)) {
      new FoldedWeights(weights, folding).write(output);
      output.finish();
    }
  }

  @SuppressWarnings("unchecked") // a copy of a map of strings
  private static Map<String, Object> finite(Map<String, Object> metadata) {
    return (Map<String, Object>) Json.finite(metadata, number -> null);
  }

  private static Map<String, Object> members(SaeConfig config) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("sae_lens_version", VERSION);
    metadata.put("sae_lens_training_version", null); // as SAELens's own converters write it
    metadata.put("generator", "sae4j");
    // Read from Python's JSON it may hold NaN, which no strict reader would take from ours.
    metadata.putAll(finite(config.metadata()));
    metadata.put("sae_lens_version", VERSION); // whatever layout it was read from
    boolean reshaped = "hook_z".equals(metadata.remove(RESHAPE));
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("architecture", "topk");
    members.put("d_in", config.dIn());
    members.put("d_sae", config.dSae());
    members.put("k", config.k());
    members.put("dtype", "float32");
    members.put("device", "cpu");
    members.put("apply_b_dec_to_input", config.applyBDecToInput());
    members.put(
        "normalize_activations",
        switch (config.normalization()) {
          case NONE -> "none";
          case CONSTANT_NORM -> "constant_norm_rescale";
          case LAYER_NORM -> "layer_norm";
        });
    members.put(RESHAPE, reshaped ? "hook_z" : "none");
    members.put("rescale_acts_by_decoder_norm", false);
    members.put("metadata", metadata);
    return members;
  }
}
