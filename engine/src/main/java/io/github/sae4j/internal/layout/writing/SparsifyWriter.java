package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SparsifyLayout;
import io.github.sae4j.internal.layout.reading.HeaderMetadata;
import io.github.sae4j.internal.tensors.SafetensorsOutput;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.WriteOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes sparsify's folder: {@code cfg.json} and {@code sae.safetensors}. */
public final class SparsifyWriter {
  private SparsifyWriter() {}

  /**
   * Writes an SAE into a folder that exists, as F32. Weights are folded while they are written. A
   * transcoder whose output is of another width than its input has a further member, {@code d_out};
   * sparsify's own classes have one width only and refuse its tensors.
   *
   * @param folder receives {@code cfg.json} and {@code sae.safetensors}
   * @param config what the SAE computes once folded
   * @param weights weights before folding
   * @param folding what to fold into them
   * @throws IllegalArgumentException if sparsify cannot express it; says what
   * @throws IOException if writing fails
   */
  public static void write(Path folder, SaeConfig config, SaeWeights weights, Folding folding)
      throws IOException {
    write(folder, config, weights, folding, WriteOptions.DEFAULT);
  }

  /**
   * Writes an SAE into a folder that exists, in whose weights everything is folded.
   *
   * @throws IllegalArgumentException if sparsify cannot express it; says what
   * @throws IOException if writing fails
   */
  static void write(Path folder, SaeConfig config, SaeWeights weights, WriteOptions options)
      throws IOException {
    write(folder, config, weights, Folding.of(weights.wDec(), 1f, false), options);
  }

  private static void write(
      Path folder, SaeConfig config, SaeWeights weights, Folding folding, WriteOptions options)
      throws IOException {
    String activation = activation(config);
    boolean skip = weights.wSkip() != null;
    long d = config.dIn();
    long o = config.dOut();
    long n = config.dSae();
    DiskFile.write(
        folder.resolve(SparsifyLayout.CONFIG), Json.pretty(members(config, activation, skip)));
    List<TensorInfo> tensors = new ArrayList<>();
    tensors.add(new TensorInfo("encoder.weight", options.type(), List.of(n, d)));
    tensors.add(new TensorInfo("encoder.bias", options.type(), List.of(n)));
    tensors.add(new TensorInfo("W_dec", options.type(), List.of(n, o)));
    tensors.add(new TensorInfo("b_dec", options.type(), List.of(o)));
    if (skip) {
      tensors.add(new TensorInfo("W_skip", options.type(), List.of(o, d)));
    }
    try (SafetensorsOutput output =
        SafetensorsOutput.create(
            folder.resolve(SparsifyLayout.WEIGHTS),
            HeaderMetadata.of(config.metadata()),
            tensors)) {
      FoldedWeights plain = new FoldedWeights(weights, folding, options.type(), output);
      plain.encoder("encoder.weight");
      plain.encoderBias("encoder.bias");
      plain.decoder("W_dec");
      plain.decoderBias("b_dec");
      plain.skip("W_skip");
      output.finish();
    }
  }

  private static String activation(SaeConfig config) {
    if (!(config.activation() instanceof Ranked ranked)
        || ranked.relu() == Relu.NONE
        || ranked.order() != Order.VALUE) {
      throw lacks("activation " + config.activation() + ": it has topk and groupmax with ReLU");
    }
    if (config.normalization() != InputNormalization.NONE) {
      throw lacks("rows that are normalised (" + config.normalization() + ")");
    }
    if (!config.transcoder() && !config.applyBDecToInput()) {
      throw lacks("an autoencoder that does not subtract b_dec from its input");
    }
    return ranked.scope() == Scope.GROUP ? "groupmax" : "topk";
  }

  private static IllegalArgumentException lacks(String what) {
    return new IllegalArgumentException("sparsify cannot express " + what);
  }

  private static Map<String, Object> members(SaeConfig config, String activation, boolean skip) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("activation", activation);
    members.put("expansion_factor", Math.max(1, config.dSae() / config.dIn()));
    members.put("normalize_decoder", false);
    members.put("num_latents", config.dSae());
    members.put("k", (int) ((Ranked) config.activation()).k());
    members.put("multi_topk", false);
    members.put("skip_connection", skip);
    members.put("transcode", config.transcoder());
    members.put("d_in", config.dIn());
    if (config.dOut() != config.dIn()) {
      members.put(SparsifyLayout.D_OUT, config.dOut());
    }
    return members;
  }
}
