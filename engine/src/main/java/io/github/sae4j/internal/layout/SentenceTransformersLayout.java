package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.HeaderMetadata;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The {@code SparseAutoEncoder} module of sentence-transformers (CSR): {@code config.json} and
 * {@code model.safetensors} with one matrix {@code [n, d]} for encoder and decoder, {@code
 * pre_bias} and {@code latent_bias}. Found as the module's folder, or in a model's folder through
 * {@code modules.json}. TopK with ReLU afterwards; a smaller k may be asked for, as the library
 * allows with {@code max_active_dims}.
 */
public final class SentenceTransformersLayout implements Layout {
  /** What it computes. */
  public static final String CONFIG = "config.json";

  /** Its tensors. */
  public static final String WEIGHTS = "model.safetensors";

  private static final String MODULES = "modules.json";
  private static final int MAX_MODULES = 1 << 20;

  /** The one matrix, under either of its names: safetensors stores shared tensors once. */
  private static final List<String> MATRIX = List.of("decoder.linear.weight", "encoder.weight");

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> folder = folder(files);
    if (folder.isEmpty()) {
      return Optional.empty();
    }
    JsonObject config = JsonObject.readForeign(folder.get().resolve(CONFIG));
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(folder.get().resolve(WEIGHTS)));
    try {
      return Optional.of(blueprint(config, tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Optional<Path> folder(SaeFiles files) throws IOException {
    Path folder = files.folder();
    if (files.has(MODULES)) {
      return module(folder);
    }
    boolean named = files.weights(WEIGHTS).isPresent() && files.has(CONFIG);
    return named && JsonObject.readForeign(folder.resolve(CONFIG)).has("hidden_dim")
        ? Optional.of(folder)
        : Optional.empty();
  }

  /** The folder of the module, from the model's list of modules. */
  private static Optional<Path> module(Path model) throws IOException {
    Path list = model.resolve(MODULES);
    if (Json.read(list, MAX_MODULES) instanceof List<?> modules) {
      for (Object each : modules) {
        if (each instanceof Map<?, ?> module
            && module.get("type") instanceof String type
            && type.endsWith(".SparseAutoEncoder")) {
          if (!(module.get("path") instanceof String name)
              || !name.matches("[A-Za-z0-9_.-]+")
              || name.startsWith(".")) {
            throw new BadFileException(
                list, "path: expected the name of a folder, got " + Json.line(module.get("path")));
          }
          return Optional.of(model.resolve(name)).filter(Files::isDirectory);
        }
      }
    }
    return Optional.empty();
  }

  private static Blueprint blueprint(JsonObject config, WeightTensors tensors, ReadOptions options)
      throws IOException {
    int d = config.count("input_dim");
    int n = config.count("hidden_dim");
    int said = config.count("k");
    Asked.expectActivation(options, "topk", Choice.TOPK, config.path());
    int k = options.k().orElse(said);
    if (said > n || k > n) {
      throw config.bad("k", "at most hidden_dim = " + n + ", asked for " + k);
    }
    boolean normalize = config.flag("normalize", false);
    for (String name : config.members().keySet()) {
      if (!Set.of("input_dim", "hidden_dim", "k", "k_aux", "normalize", "dead_threshold")
          .contains(name)) {
        throw new BadFileException(
            config.path(), "'" + name + "' is not a member known to change nothing");
      }
    }
    tensors.expectOnly(
        Set.of(MATRIX.get(0), MATRIX.get(1), "pre_bias", "latent_bias", "stats_last_nonzero"));
    if (tensors.has(MATRIX.get(0)) && tensors.has(MATRIX.get(1))) {
      throw new BadFileException(
          tensors.path(), "expected one matrix under one of the names " + MATRIX + ", found both");
    }
    String matrix = tensors.has(MATRIX.get(0)) ? MATRIX.get(0) : MATRIX.get(1);
    SaeConfig sae =
        SaeConfig.of(d, n, Ranked.topK(k, Relu.AFTER))
            .with(normalize ? InputNormalization.LAYER_NORM : InputNormalization.NONE)
            .with(HeaderMetadata.read(tensors.path(), tensors.metadata()));
    return new Blueprint("sentence-transformers SparseAutoEncoder", tensors, sae)
        .tied(
            tensors.rows(matrix, n, d),
            tensors.vector("latent_bias", n),
            tensors.vector("pre_bias", d));
  }
}
