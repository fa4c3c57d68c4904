package io.github.sae4j.internal.layout.writing;

import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.SentenceTransformersLayout;
import io.github.sae4j.internal.layout.reading.HeaderMetadata;
import io.github.sae4j.internal.tensors.SafetensorsOutput;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.WriteOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes the folder of sentence-transformers' {@code SparseAutoEncoder} module: {@code config.json}
 * and {@code model.safetensors}. The one matrix is stored under the name that its own library uses.
 */
public final class SentenceTransformersWriter {
  private static final String MATRIX = "decoder.linear.weight";

  /** The other name of the one matrix. */
  private static final String ALIAS = "encoder.weight";

  private static final String COUNTERS = "stats_last_nonzero";

  private SentenceTransformersWriter() {}

  /**
   * Writes an SAE into a folder that exists.
   *
   * @throws IllegalArgumentException if the module cannot express it; says what
   * @throws IOException if writing fails
   */
  static void write(Path folder, SaeConfig config, SaeWeights weights, WriteOptions options)
      throws IOException {
    check(config, weights);
    write(
        folder,
        config,
        weights,
        members(config, Math.min(512, config.dSae()), 30),
        new long[config.dSae()],
        options);
  }

  /**
   * Writes an SAE as training left it into a folder that exists, as F32.
   *
   * @param folder receives {@code config.json} and {@code model.safetensors}
   * @param config what the SAE computes
   * @param weights its weights, tied
   * @param kAux the member {@code k_aux}
   * @param deadThreshold the member {@code dead_threshold}
   * @param sinceFired counters of its latents
   * @throws IllegalArgumentException if the module cannot express it; says what
   * @throws IOException if writing fails
   */
  public static void write(
      Path folder,
      SaeConfig config,
      SaeWeights weights,
      int kAux,
      long deadThreshold,
      long[] sinceFired)
      throws IOException {
    check(config, weights);
    Map<String, Object> members = members(config, kAux, deadThreshold);
    write(folder, config, weights, members, sinceFired, WriteOptions.DEFAULT);
  }

  private static void write(
      Path folder,
      SaeConfig config,
      SaeWeights weights,
      Map<String, Object> members,
      long[] sinceFired,
      WriteOptions options)
      throws IOException {
    long d = config.dIn();
    long n = config.dSae();
    DiskFile.write(folder.resolve(SentenceTransformersLayout.CONFIG), Json.pretty(members));
    Map<String, String> header = new LinkedHashMap<>(HeaderMetadata.of(config.metadata()));
    header.put(ALIAS, MATRIX);
    List<TensorInfo> tensors =
        List.of(
            new TensorInfo(MATRIX, options.type(), List.of(n, d)),
            new TensorInfo("pre_bias", options.type(), List.of(d)),
            new TensorInfo("latent_bias", options.type(), List.of(n)),
            new TensorInfo(COUNTERS, ElementType.I64, List.of(n)));
    try (SafetensorsOutput output =
        SafetensorsOutput.create(
            folder.resolve(SentenceTransformersLayout.WEIGHTS), header, tensors)) {
      Folding nothing = Folding.of(weights.wDec(), 1f, false);
      FoldedWeights plain = new FoldedWeights(weights, nothing, options.type(), output);
      plain.decoder(MATRIX);
      plain.decoderBias("pre_bias");
      plain.encoderBias("latent_bias");
      output.writeRaw(COUNTERS, 0, MemorySegment.ofArray(sinceFired.clone()), 0, n);
      output.finish();
    }
  }

  private static void check(SaeConfig config, SaeWeights weights) {
    if (config.transcoder()) {
      throw lacks("a transcoder");
    }
    if (!(config.activation() instanceof Ranked ranked)
        || !ranked.isTopK()
        || ranked.relu() == Relu.NONE) {
      throw lacks("activation " + config.activation() + ": it has TopK with ReLU");
    }
    if (config.normalization() == InputNormalization.CONSTANT_NORM) {
      throw lacks("rows brought to a constant norm");
    }
    if (!config.applyBDecToInput()) {
      throw lacks("an autoencoder that does not subtract b_dec from its input");
    }
    if (!weights.tied()) {
      expectEqual(weights);
    }
  }

  /** Two matrices with equal content can be tied. */
  private static void expectEqual(SaeWeights weights) {
    float[] encoder = new float[weights.dIn()];
    float[] decoder = new float[weights.dIn()];
    for (int i = 0; i < weights.dSae(); i++) {
      weights.readEncoder(i, 1, encoder, 0);
      weights.wDec().read(i, 1, decoder, 0);
      for (int j = 0; j < encoder.length; j++) {
        if (encoder[j] != decoder[j]) {
          throw lacks(
              "an encoder and a decoder that differ, as in latent "
                  + i
                  + ": W_enc has "
                  + encoder[j]
                  + " where W_dec has "
                  + decoder[j]
                  + "; there they are one matrix");
        }
      }
    }
  }

  private static IllegalArgumentException lacks(String what) {
    return new IllegalArgumentException(
        "sentence-transformers' SparseAutoEncoder cannot express " + what);
  }

  private static Map<String, Object> members(SaeConfig config, int kAux, long deadThreshold) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("input_dim", config.dIn());
    members.put("hidden_dim", config.dSae());
    members.put("k", (int) ((Ranked) config.activation()).k());
    members.put("k_aux", kAux);
    members.put("normalize", config.normalization() == InputNormalization.LAYER_NORM);
    members.put("dead_threshold", deadThreshold);
    return members;
  }
}
