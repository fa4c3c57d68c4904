package io.github.sae4j.internal.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import io.github.sae4j.internal.layout.reading.Asked;
import io.github.sae4j.internal.layout.reading.Blueprint;
import io.github.sae4j.internal.layout.reading.Declared;
import io.github.sae4j.internal.layout.reading.Layout;
import io.github.sae4j.internal.layout.reading.PathHints;
import io.github.sae4j.internal.layout.reading.SaeFiles;
import io.github.sae4j.internal.layout.reading.WeightTensors;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Gemma Scope 2 (2025): {@code params.safetensors} with {@code w_enc [d, n]}, {@code w_dec [n, o]},
 * {@code b_enc}, {@code b_dec}, {@code threshold [n]}, and {@code config.json}, which some folders
 * lack. JumpReLU, b_dec is not subtracted. Transcoders may have an {@code affine_skip_connection} A
 * {@code [d, o]}, which adds {@code x A}: not transposed, as its authors apply it.
 */
final class GemmaScope2Layout implements Layout {
  static final String WEIGHTS = "params.safetensors";
  private static final String SKIP = "affine_skip_connection";

  @Override
  public Optional<Blueprint> read(SaeFiles files, ReadOptions options) throws IOException {
    Optional<Path> path = files.weights(WEIGHTS);
    if (path.isEmpty()) {
      return Optional.empty();
    }
    Optional<JsonObject> config = files.json("config.json");
    if (config.isPresent() && !"jump_relu".equals(config.get().text("architecture", null))) {
      throw config.get().bad("architecture", "jump_relu");
    }
    WeightTensors tensors = new WeightTensors(SafetensorsFile.open(path.get()));
    try {
      return Optional.of(blueprint(path.get(), config, tensors, options));
    } catch (Throwable e) {
      tensors.close();
      throw e;
    }
  }

  private static Blueprint blueprint(
      Path path, Optional<JsonObject> json, WeightTensors tensors, ReadOptions options)
      throws IOException {
    Asked.expectActivation(options, "jumprelu", Choice.JUMPRELU, path);
    tensors.expectOnly(Set.of("w_enc", "w_dec", "b_enc", "b_dec", "threshold", SKIP));
    boolean skip = tensors.has(SKIP);
    if (json.isPresent() && json.get().flag("affine_connection", skip) != skip) {
      throw new BadFileException(
          path,
          "affine_connection is "
              + !skip
              + " in config.json, "
              + SKIP
              + " is "
              + (skip ? "there" : "missing"));
    }
    int[] sizes = tensors.sizes("w_enc", 2);
    int d = sizes[0];
    int n = sizes[1];
    // A cross-layer transcoder's decoder has a third size: it is refused here, with its shape.
    int o = tensors.sizes("w_dec", 2)[1];
    SaeMetadata metadata = metadata(json, new PathHints(path));
    boolean transcoder =
        d != o
            || skip
            || !metadata.hook().equals(metadata.outputHook())
            || json.isEmpty() && new PathHints(path).says("transcoder");
    SaeConfig config =
        new SaeConfig(
            d,
            o,
            n,
            Threshold.jumpRelu(tensors.vector("threshold", n)),
            transcoder,
            false,
            InputNormalization.NONE,
            metadata);
    return new Blueprint("Gemma Scope 2", tensors, config)
        .encoder(tensors.columns("w_enc", n, d), tensors.vector("b_enc", n))
        .decoder(tensors.rows("w_dec", n, o), tensors.vector("b_dec", o))
        .skip(skip ? tensors.columns(SKIP, o, d) : null);
  }

  private static SaeMetadata metadata(Optional<JsonObject> json, PathHints hints)
      throws BadFileException {
    if (json.isEmpty()) {
      return new SaeMetadata(
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          hints.layer(),
          Optional.empty(),
          Optional.empty(),
          OptionalDouble.empty(),
          false,
          Map.of());
    }
    JsonObject config = json.get();
    return new SaeMetadata(
        Optional.ofNullable(config.text("model_name", null)),
        Optional.ofNullable(config.text("hf_hook_point_in", null)),
        Optional.ofNullable(config.text("hf_hook_point_out", null)),
        OptionalInt.empty(),
        Optional.empty(),
        Optional.empty(),
        Declared.l0(config, "l0"),
        false,
        Map.of());
  }
}
