package io.github.sae4j.internal.layout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Faults that other loaders had, by the number of the report; what has a test elsewhere is named
 * there: SAELens #553 in SaeCheckpointTest, #608 and #645 in {@link WrongLoadTest}. Shapes are 2
 * columns, 3 latents and small whole numbers, which every type holds exactly.
 */
class FieldBugsTest {
  private static final int D = 2;
  private static final int N = 3;
  private static final float[] ENCODER = {1, 0, 0, 1, 1, 1};
  private static final float[] DECODER = {1, 2, 3, 4, 5, 6};
  private static final float[] B_ENC = {0, 0, -1};
  private static final float[] B_DEC = {10, 20};

  /** {@code y += x Sᵀ}: (x1 + 2 x2, 3 x1 + 4 x2). */
  private static final float[] SKIP = {1, 2, 3, 4};

  private final Device device = new ScalarDevice();
  private final OffHeap memory = new OffHeap();

  @TempDir Path folder;

  private Matrix matrix(float... values) {
    Matrix matrix = memory.vector(values.length);
    matrix.write(0, 1, values, 0);
    return matrix;
  }

  private static float[] transposed(float... rows) {
    return new float[] {rows[0], rows[2], rows[4], rows[1], rows[3], rows[5]};
  }

  private void json(String name, Map<String, Object> members) throws IOException {
    Files.writeString(folder.resolve(name), Json.pretty(members));
  }

  private SparseAutoencoder open() throws IOException {
    return SaeCheckpoint.load(folder, device);
  }

  private String refusal() {
    return assertThrows(BadFileException.class, () -> open().close()).getMessage();
  }

  /** SAELens #308: SAEBench's TopK SAEs loaded as ReLU, with an L0 of 600 in place of 80. */
  @Test
  void saeBenchTopKIsNoRelu() throws IOException {
    Path golden = PublishedSaesTest.GOLDEN.resolve("dictionary-learning-topk");
    try (SparseAutoencoder sae = SaeCheckpoint.load(golden, device)) {
      Ranked activation = (Ranked) sae.config().activation();
      assertTrue(activation.isTopK());
      assertEquals(4, activation.k());
      float[] row = new float[sae.config().dIn()];
      Arrays.fill(row, 3f);
      assertEquals(4, sae.encode(row).length());
    }
  }

  /** SAELens #208: a gated SAE that was saved could not be loaded, for want of b_enc. */
  @Test
  void aGatedSaeThatWasSavedIsLoaded() throws IOException {
    json("cfg.json", cfg("gated", Map.of()));
    new SafetensorsWriter()
        .floats("W_enc", transposed(ENCODER), D, N)
        .floats("b_gate", B_ENC, N)
        .floats("b_mag", new float[] {1, 2, 3}, N)
        .floats("r_mag", new float[N], N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", new float[D], D)
        .write(folder.resolve("sae_weights.safetensors"));
    // x W = (2, -1, 1): gates (2, -1, 0), of which the first alone is open; 2·e⁰ + 1 = 3.
    float[] x = {2, -1};
    try (SparseAutoencoder sae = open()) {
      assertEquals(new SparseCode(new int[] {0}, new float[] {3}), sae.encode(x));
      Path again = folder.resolve("again");
      SaeCheckpoint.save(again, sae);
      try (SparseAutoencoder back = SaeCheckpoint.load(again, device)) {
        assertEquals(sae.config().activation(), back.config().activation());
        assertEquals(sae.encode(x), back.encode(x));
        assertArrayEquals(sae.reconstruct(x), back.reconstruct(x));
      }
    }
  }

  /** SAELens #575: temporal SAEs, whose b_dec is [1, d]: refused by name, with or without W_enc. */
  @Test
  void temporalSaesAreRefusedByName() throws IOException {
    json("cfg.json", cfg("temporal", Map.of("n_heads", 2, "tied_weights", true)));
    new SafetensorsWriter()
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, 1, D)
        .floats("attn_layers.0.q.weight", new float[D * D], D, D)
        .write(folder.resolve("sae_weights.safetensors"));
    assertTrue(refusal().contains("cannot read temporal: it maps sequences, not vectors"));
    // The same shape elsewhere is an error that names it, not a broadcast.
    json("cfg.json", cfg("standard", Map.of()));
    new SafetensorsWriter()
        .floats("W_enc", transposed(ENCODER), D, N)
        .floats("b_enc", B_ENC, N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, 1, D)
        .write(folder.resolve("sae_weights.safetensors"));
    assertTrue(refusal().contains("b_dec: expected shape [2] by the configuration, got [1, 2]"));
  }

  /** SAELens #624: Gemma Scope 2 transcoders without an affine skip were called SAEs. */
  @ParameterizedTest
  @CsvSource({
    "model.layers.3.pre_feedforward_layernorm.output,"
        + " model.layers.3.post_feedforward_layernorm.output, true",
    "model.layers.3.output, model.layers.3.output, false",
    // #632: heads are flat already; nothing is to be reshaped.
    "model.layers.3.self_attn.o_proj.input, model.layers.3.self_attn.o_proj.input, false",
  })
  void gemmaScope2SaysByItsHooksWhatItIs(String in, String out, boolean transcoder)
      throws IOException {
    gemmaScope2(folder.resolve("params.safetensors"), Map.of());
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architecture", "jump_relu");
    config.put("hf_hook_point_in", in);
    config.put("hf_hook_point_out", out);
    config.put("affine_connection", false);
    json("config.json", config);
    try (SparseAutoencoder sae = open()) {
      assertEquals(transcoder, sae.config().transcoder());
      assertEquals(in, sae.config().metadata().hook().orElseThrow());
      assertEquals(out, sae.config().metadata().outputHook().orElseThrow());
      assertFalse(sae.config().metadata().headsFlattened());
      assertFalse(sae.config().applyBDecToInput());
      assertFalse(sae.decodingNeedsRows());
      assertArrayEquals(new float[] {2 + 10, 4 + 20}, sae.reconstruct(new float[] {2, -1}));
    }
  }

  /** The folders called _all have no config.json: the path says it. */
  @ParameterizedTest
  @CsvSource({"transcoder_all, true", "resid_post_all, false", "attn_out_all, false"})
  void gemmaScope2WithoutConfigSaysItByItsPath(String site, boolean transcoder) throws IOException {
    Path inner =
        Files.createDirectories(folder.resolve(site).resolve("layer_3_width_16k_l0_small"));
    gemmaScope2(inner.resolve("params.safetensors"), Map.of());
    try (SparseAutoencoder sae = SaeCheckpoint.load(inner, device)) {
      assertEquals(transcoder, sae.config().transcoder());
      assertFalse(sae.decodingNeedsRows());
    }
  }

  private void gemmaScope2(Path file, Map<String, float[]> more) throws IOException {
    SafetensorsWriter writer =
        new SafetensorsWriter()
            .floats("w_enc", transposed(ENCODER), D, N)
            .floats("w_dec", DECODER, N, D)
            .floats("b_enc", B_ENC, N)
            .floats("b_dec", B_DEC, D)
            .floats("threshold", new float[N], N);
    more.forEach((name, values) -> writer.floats(name, values, D, D));
    writer.write(file);
  }

  /** SAELens #725: the skip's type differed from the others', and they were multiplied. */
  @ParameterizedTest
  @CsvSource({
    "F32, BF16",
    "BF16, F32",
    "F16, F16",
    "BF16, BF16",
    "F64, F32",
    "F32, F64",
    "F16, BF16"
  })
  void aSkipOfAnotherTypeThanTheRestIsTheSame(ElementType rest, ElementType skip)
      throws IOException {
    json("cfg.json", cfg("skip_transcoder", Map.of("d_out", D, "apply_b_dec_to_input", false)));
    new SafetensorsWriter()
        .tensor("W_enc", matrix(transposed(ENCODER)), rest, D, N)
        .tensor("b_enc", matrix(B_ENC), rest, N)
        .tensor("W_dec", matrix(DECODER), rest, N, D)
        .tensor("b_dec", matrix(B_DEC), rest, D)
        .tensor("W_skip", matrix(SKIP), skip, D, D)
        .write(folder.resolve("sae_weights.safetensors"));
    expectSkip();
    Files.delete(folder.resolve("sae_weights.safetensors"));
    sparsify(rest, skip);
    expectSkip();
  }

  /** pre = (2, -1, 0): latent 0 alone, decoded to (2, 4) and b_dec; the skip adds (0, 2). */
  private void expectSkip() throws IOException {
    try (SparseAutoencoder sae = open()) {
      assertArrayEquals(new float[] {2 + 10 + 0, 4 + 20 + 2}, sae.reconstruct(new float[] {2, -1}));
    }
  }

  private void sparsify(ElementType rest, ElementType skip) throws IOException {
    new SafetensorsWriter()
        .tensor("encoder.weight", matrix(ENCODER), rest, N, D)
        .tensor("encoder.bias", matrix(B_ENC), rest, N)
        .tensor("W_dec", matrix(DECODER), rest, N, D)
        .tensor("b_dec", matrix(B_DEC), rest, D)
        .tensor("W_skip", matrix(SKIP), skip, D, D)
        .write(folder.resolve("sae.safetensors"));
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("d_in", D);
    cfg.put("num_latents", N);
    cfg.put("k", 1);
    cfg.put("transcode", true);
    cfg.put("skip_connection", true);
    json("cfg.json", cfg);
  }

  /** sparsify #44 and #115: checkpoints in bf16, whose type cfg.json does not say. */
  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void sparsifysTypeIsThatOfItsTensors(ElementType type) throws IOException {
    sparsify(type, type);
    expectSkip();
    try (LoadedSae loaded = SaeCheckpoint.read(folder, device, ReadOptions.NONE)) {
      assertEquals(type, loaded.type());
    }
  }

  /**
   * TopK without ReLU keeps negative values; with ReLU they are cut. Of circuit-tracer and saev.
   */
  @Test
  void topKWithoutReluKeepsNegativeValues() throws IOException {
    new SafetensorsWriter()
        .floats("W_enc", ENCODER, N, D)
        .floats("b_enc", B_ENC, N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, D)
        .floats("k", new float[] {2})
        .write(folder.resolve("layer_0.safetensors"));
    // pre = (-2, 1, -2): the two largest are 1 and, of two equals, the first -2.
    float[] x = {-2, 1};
    try (SparseAutoencoder sae = open()) {
      assertEquals(Ranked.topK(2, Relu.NONE), sae.config().activation());
      SparseCode code = sae.encode(x);
      assertEquals(new SparseCode(new int[] {0, 1}, new float[] {-2, 1}), code);
      assertArrayEquals(new float[] {-2 + 3 + 10, -4 + 4 + 20}, sae.decode(code, x));
    }
    Files.delete(folder.resolve("layer_0.safetensors"));
    json("cfg.json", cfg("topk", Map.of("k", 2, "apply_b_dec_to_input", false)));
    new SafetensorsWriter()
        .floats("W_enc", transposed(ENCODER), D, N)
        .floats("b_enc", B_ENC, N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, D)
        .write(folder.resolve("sae_weights.safetensors"));
    try (SparseAutoencoder sae = open()) {
      assertArrayEquals(new float[] {0, 1, 0}, sae.encode(x).toDense(N));
    }
  }

  /** Open in SAELens: AutoEncoderNew lost decoder.bias, JumpReluAutoEncoder its thresholds. */
  @Test
  void dictionaryLearningsOtherClasses() throws IOException {
    Path golden = PublishedSaesTest.GOLDEN;
    try (SparseAutoencoder april =
            SaeCheckpoint.load(golden.resolve("dictionary-learning-april"), device);
        SparseAutoencoder jump =
            SaeCheckpoint.load(golden.resolve("dictionary-learning-jumprelu"), device)) {
      assertFalse(april.config().applyBDecToInput());
      assertEquals(Threshold.RELU, april.config().activation());
      boolean biased = false;
      for (float bias : april.weights().bDec().toArray()) {
        biased |= bias != 0;
      }
      assertTrue(biased, "decoder.bias");
      assertEquals(jump.config().dSae(), ((Threshold) jump.config().activation()).theta().length);
    }
  }

  /** A missing k is an error wherever TopK is, never a default. */
  @Test
  void aMissingKIsNamed() throws IOException {
    json("cfg.json", cfg("topk", Map.of()));
    new SafetensorsWriter()
        .floats("W_enc", transposed(ENCODER), D, N)
        .floats("b_enc", B_ENC, N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, D)
        .write(folder.resolve("sae_weights.safetensors"));
    assertTrue(refusal().contains("k: expected in the file, found nothing"));
    ReadOptions options = new ReadOptions(OptionalInt.of(2), Optional.empty());
    try (LoadedSae loaded = SaeCheckpoint.read(folder, device, options)) {
      assertEquals(Ranked.topK(2, Relu.AFTER), loaded.sae().config().activation());
    }
  }

  private static Map<String, Object> cfg(String architecture, Map<String, Object> more) {
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("architecture", architecture);
    cfg.put("d_in", D);
    cfg.put("d_sae", N);
    cfg.put("dtype", "float32");
    cfg.put("apply_b_dec_to_input", true);
    cfg.put("metadata", Map.of("sae_lens_version", "6.18.0", "tags", List.of()));
    cfg.putAll(more);
    return cfg;
  }
}
