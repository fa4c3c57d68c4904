package io.github.sae4j.internal.layout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.tensors.HandMadePickle;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.ReadOptions.Choice;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files that other loaders misread, and layouts without a golden checkpoint. Shapes are 2 columns
 * and 3 latents, so that numbers can be followed by hand.
 */
class WrongLoadTest {
  private static final int D = 2;
  private static final int N = 3;

  /** {@code [n, d]}. */
  private static final float[] ENCODER = {1, 0, 0, 1, 1, 1};

  /** {@code [n, d]}. */
  private static final float[] DECODER = {1, 2, 3, 4, 5, 6};

  private static final float[] B_ENC = {0, 0, -1};
  private static final float[] B_DEC = {10, 20};

  private final Device device = new ScalarDevice();

  @TempDir Path folder;

  private static float[] transposed(float[] rows, int height) {
    int width = rows.length / height;
    float[] columns = new float[rows.length];
    for (int i = 0; i < height; i++) {
      for (int j = 0; j < width; j++) {
        columns[j * height + i] = rows[i * width + j];
      }
    }
    return columns;
  }

  private LoadedSae read(Path path, ReadOptions options) throws IOException {
    return SaeReader.read(path, device, options);
  }

  private SparseAutoencoder open(Path path) throws IOException {
    return read(path, ReadOptions.NONE).sae();
  }

  private String refusal(Path path, ReadOptions options) {
    String message =
        assertThrows(BadFileException.class, () -> read(path, options).sae().close()).getMessage();
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  private String refusal(Path path) {
    return refusal(path, ReadOptions.NONE);
  }

  private static ReadOptions options(Integer k, Choice activation) {
    return new ReadOptions(
        k == null ? OptionalInt.empty() : OptionalInt.of(k), Optional.ofNullable(activation));
  }

  private void json(String name, Map<String, Object> members) throws IOException {
    Files.writeString(folder.resolve(name), Json.pretty(members));
  }

  private static byte[] floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  /** A state dictionary of F32 tensors; a matrix is a name, values and its height. */
  private static byte[] torch(Object... tensors) {
    HandMadePickle pickle = new HandMadePickle().ops("}(");
    List<byte[]> storages = new ArrayList<>();
    for (int i = 0; i < tensors.length; i += 3) {
      float[] values = (float[]) tensors[i + 1];
      int height = (Integer) tensors[i + 2];
      boolean matrix = height > 0;
      long width = matrix ? values.length / height : 1;
      pickle
          .text((String) tensors[i])
          .tensor(
              "FloatStorage",
              Integer.toString(storages.size()),
              values.length,
              0,
              matrix ? new long[] {height, width} : new long[] {values.length},
              matrix ? new long[] {width, 1} : new long[] {1});
      storages.add(floats(values));
    }
    return HandMadePickle.archive(pickle.op('u').end(), storages.toArray(byte[][]::new));
  }

  private static void expect(SparseAutoencoder sae, float[] x, float[] acts, float[] out) {
    SparseCode code = sae.encode(x);
    assertArrayEquals(acts, code.toDense(N), 1e-5f);
    assertArrayEquals(out, sae.decode(code, x), 1e-4f);
  }

  /** ReLU on the rows as they are: pre = (2, -1, 0), so that latent 0 alone is active. */
  private static void expectPlainRelu(SparseAutoencoder sae) {
    expect(sae, new float[] {2, -1}, new float[] {2, 0, 0}, new float[] {2 + 10, 4 + 20});
  }

  @Test
  void goodfire() throws IOException {
    Path file = folder.resolve("Llama-SAE-l19.pth");
    Files.write(
        file,
        torch(
            "encoder_linear.weight",
            ENCODER,
            N,
            "encoder_linear.bias",
            B_ENC,
            0,
            "decoder_linear.weight",
            transposed(DECODER, N),
            D,
            "decoder_linear.bias",
            B_DEC,
            0));
    try (SparseAutoencoder sae = open(file)) {
      assertFalse(sae.config().applyBDecToInput());
      expectPlainRelu(sae);
    }
    try (SparseAutoencoder sae = open(folder)) {
      expectPlainRelu(sae);
    }
    assertTrue(refusal(file, options(4, Choice.TOPK)).contains("is relu by the file"));
  }

  /** The April update has decoder.bias, and does not subtract it: the standard class does. */
  @Test
  void dictionaryLearningsClassesAreNotMixedUp() throws IOException {
    Path file = folder.resolve("ae.pt");
    Files.write(
        file,
        torch(
            "encoder.weight",
            ENCODER,
            N,
            "encoder.bias",
            B_ENC,
            0,
            "decoder.weight",
            transposed(DECODER, N),
            D,
            "decoder.bias",
            B_DEC,
            0));
    assertTrue(refusal(file).contains("expected config.json with trainer.dict_class beside it"));
    trainer("AutoEncoderNew");
    try (SparseAutoencoder sae = open(file)) {
      expectPlainRelu(sae);
    }
    trainer("AutoEncoder");
    assertTrue(refusal(file).contains("found [decoder.bias]"), refusal(file));
    trainer("SomethingNewer");
    assertTrue(refusal(file).contains("dict_class: expected AutoEncoder, "), refusal(file));
  }

  private void trainer(String type) throws IOException {
    json("config.json", Map.of("trainer", Map.of("dict_class", type)));
  }

  /** SAELens dropped the threshold and loaded plain ReLU, with an L0 of hundreds (#608). */
  @Test
  void theThresholdOfBatchTopKIsNotDropped() throws IOException {
    Path file = folder.resolve("ae.pt");
    for (float threshold : new float[] {1.5f, -1f}) {
      Files.write(
          file,
          torch(
              "encoder.weight",
              ENCODER,
              N,
              "encoder.bias",
              new float[N],
              0,
              "decoder.weight",
              transposed(DECODER, N),
              D,
              "b_dec",
              new float[D],
              0,
              "threshold",
              new float[] {threshold},
              0,
              "k",
              new float[] {1},
              0));
      trainer("BatchTopKSAE");
      LoadedSae loaded = read(file, ReadOptions.NONE);
      try (SparseAutoencoder sae = loaded.sae()) {
        boolean set = threshold > 0;
        assertEquals(
            set ? Threshold.jumpRelu(1.5f) : Ranked.topK(1, Relu.BEFORE),
            sae.config().activation());
        assertEquals(set ? 0 : 1, loaded.warnings().size());
        assertEquals(1.0, sae.config().metadata().l0().orElseThrow());
      }
    }
    // SAEBench's TopK, whose threshold is a mode of its own, was loaded as ReLU (#308).
    trainer("AutoEncoderTopK");
    try (SparseAutoencoder sae = open(file)) {
      assertEquals(Ranked.topK(1, Relu.BEFORE), sae.config().activation());
    }
    assertTrue(refusal(file, options(null, Choice.RELU)).contains("is topk by the file"));
    assertTrue(refusal(file, options(null, Choice.JUMPRELU)).contains("expected one that was"));
    assertTrue(refusal(file, options(2, null)).contains("k: is 1 by the file, asked for 2"));
  }

  /** JumpReLU and gated, too, were taken for the standard class. */
  @Test
  void jumpReluOfDictionaryLearningKeepsItsThresholds() throws IOException {
    Path file = folder.resolve("ae.pt");
    Files.write(
        file,
        torch(
            "W_enc",
            transposed(ENCODER, N),
            D,
            "b_enc",
            B_ENC,
            0,
            "W_dec",
            DECODER,
            N,
            "b_dec",
            B_DEC,
            0,
            "threshold",
            new float[] {3, 0.5f, 0.5f},
            0));
    trainer("JumpReluAutoEncoder");
    try (SparseAutoencoder sae = open(file)) {
      // pre = (2, 1, 2): the first is below its threshold.
      expect(
          sae, new float[] {2, 1}, new float[] {0, 1, 2}, new float[] {3 + 10 + 10, 4 + 12 + 20});
    }
  }

  /** Without ReLU a selected negative survives. */
  @Test
  void saevsTopKKeepsNegativeValues() throws IOException {
    Path file = folder.resolve("sae.pt");
    byte[] archive =
        torch(
            "W_enc",
            transposed(ENCODER, N),
            D,
            "b_enc",
            B_ENC,
            0,
            "W_dec",
            DECODER,
            N,
            "b_dec",
            B_DEC,
            0);
    saev(file, "{\"schema\":2,\"cfg\":{\"activation\":%s}}".formatted(cls("TopK", 2)), archive);
    try (SparseAutoencoder sae = open(file)) {
      assertFalse(sae.config().applyBDecToInput());
      // pre = (-1, -2, -4).
      expect(
          sae,
          new float[] {-1, -2},
          new float[] {-1, -2, 0},
          new float[] {-1 - 6 + 10, -2 - 8 + 20});
    }
    saev(file, "{\"d_vit\":2,\"exp_factor\":1}", archive);
    try (SparseAutoencoder sae = open(file)) {
      assertEquals(Threshold.RELU, sae.config().activation());
    }
    saev(file, "{\"schema\":1,\"cls\":\"TopK\",\"cfg\":{\"top_k\":1}}", archive);
    try (SparseAutoencoder sae = open(file)) {
      assertEquals(Ranked.topK(1, Relu.NONE), sae.config().activation());
    }
    saev(file, "{\"schema\":1,\"cfg\":{\"activation\":%s}}".formatted(cls("Relu", 0)), archive);
    try (SparseAutoencoder sae = open(file)) {
      assertEquals(Threshold.RELU, sae.config().activation());
    }
    saev(
        file, "{\"schema\":3,\"cfg\":{\"activation\":%s}}".formatted(cls("BatchTopK", 2)), archive);
    try (SparseAutoencoder sae = open(file)) {
      assertEquals(Ranked.topK(2, Relu.NONE), sae.config().activation());
    }
    saev(file, "{\"schema\":2,\"cfg\":{\"activation\":%s}}".formatted(cls("Mish", 2)), archive);
    assertTrue(refusal(file).contains("expected Relu, TopK or BatchTopK, got 'Mish'"));
    saev(file, "{\"schema\":6,\"cfg\":{}}", archive);
    assertTrue(refusal(file).contains("schema: expected 1 to 5, got 6"));
  }

  private static String cls(String name, int k) {
    String params = k > 0 ? "{\"top_k\":" + k + "}" : "{}";
    return "{\"cls\":\"" + name + "\",\"params\":" + params + "}";
  }

  private static void saev(Path file, String header, byte[] archive) throws IOException {
    byte[] line = (header + "\n").getBytes(StandardCharsets.UTF_8);
    Files.write(
        file, ByteBuffer.allocate(line.length + archive.length).put(line).put(archive).array());
  }

  /** The same four names, another orientation: not Qwen-Scope, whatever it is. */
  @Test
  void fourTensorsOfAnotherLibraryAreNotTakenForQwenScope() throws IOException {
    Path file = folder.resolve("layer0.sae.pt");
    Files.write(
        file,
        torch(
            "W_enc",
            transposed(ENCODER, N),
            D,
            "b_enc",
            B_ENC,
            0,
            "W_dec",
            DECODER,
            N,
            "b_dec",
            B_DEC,
            0));
    assertTrue(refusal(file, options(1, null)).contains("are another library's"));
    Files.write(
        file,
        torch(
            "W_enc",
            ENCODER,
            N,
            "b_enc",
            B_ENC,
            0,
            "W_dec",
            transposed(DECODER, N),
            D,
            "b_dec",
            B_DEC,
            0));
    assertTrue(refusal(file).contains("k: expected in the file, found nothing; give it (--k)"));
    try (SparseAutoencoder sae = read(file, options(1, null)).sae()) {
      expectPlainRelu(sae);
    }
    Files.copy(file, folder.resolve("layer1.sae.pt"));
    assertTrue(refusal(folder).contains("found several: name one of [layer0.sae.pt, layer1"));
  }

  @Test
  void wholeModulesAreRefusedWithAHint() throws IOException {
    Path file = folder.resolve("sae.pt");
    byte[] pickle =
        new HandMadePickle().global("overcomplete.sae", "TopKSAE").op(')', 0x81, '}', 'b').end();
    Files.write(file, HandMadePickle.archive(pickle));
    assertTrue(refusal(file).contains("must be saved again as its state_dict()"));
    Files.write(file, torch("fc.weight", ENCODER, N));
    assertTrue(refusal(file).contains("found [fc.weight]"));
  }

  @ParameterizedTest
  @CsvSource({"W_enc, W_dec", "w_enc, w_dec"})
  void gemmaScopeInEitherSpelling(String wEnc, String wDec) throws IOException {
    Path inner = Files.createDirectories(folder.resolve("layer_7/width_16k/average_l0_42"));
    gemma(inner.resolve("params.npz"), wEnc, wDec);
    try (SparseAutoencoder sae = open(inner)) {
      assertEquals(42.0, sae.config().metadata().l0().orElseThrow());
      assertEquals(7, sae.config().metadata().layer().orElseThrow());
      assertFalse(sae.config().transcoder());
      expectPlainRelu(sae);
    }
    Path transcoders = Files.createDirectories(folder.resolve("some-transcoders/layer_7"));
    gemma(transcoders.resolve("params.npz"), wEnc, wDec);
    try (SparseAutoencoder sae = open(transcoders.resolve("params.npz"))) {
      assertTrue(sae.config().transcoder());
    }
    Path embedding = Files.createDirectories(folder.resolve("embedding"));
    gemma(embedding.resolve("params.npz"), wEnc, wDec);
    LoadedSae loaded = read(embedding, ReadOptions.NONE);
    try (SparseAutoencoder sae = loaded.sae()) {
      assertEquals(1, loaded.warnings().size());
      assertEquals(1 / (float) Math.sqrt(2), sae.encoderDirection(0)[0]);
      assertEquals((float) Math.sqrt(2), sae.decoderDirection(0)[0]);
    }
  }

  private void gemma(Path file, String wEnc, String wDec) throws IOException {
    Map<String, float[]> arrays = new LinkedHashMap<>();
    arrays.put(wEnc, transposed(ENCODER, N));
    arrays.put(wDec, DECODER);
    arrays.put("b_enc", B_ENC);
    arrays.put("b_dec", B_DEC);
    arrays.put("threshold", new float[N]);
    Object[] members = new Object[2 * arrays.size()];
    int at = 0;
    for (Map.Entry<String, float[]> each : arrays.entrySet()) {
      String shape =
          each.getValue().length == D * N
              ? (each.getKey().equals(wEnc) ? D + ", " + N : N + ", " + D)
              : each.getValue().length + ",";
      members[at++] = each.getKey() + ".npy";
      members[at++] = npy(shape, each.getValue());
    }
    Files.write(file, HandMadePickle.zip(members));
  }

  private static byte[] npy(String shape, float[] values) {
    StringBuilder header =
        new StringBuilder("{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }");
    while ((header.length() + 11) % 64 != 0) {
      header.append(' ');
    }
    byte[] text = header.append('\n').toString().getBytes(StandardCharsets.ISO_8859_1);
    return ByteBuffer.allocate(10 + text.length + 4 * values.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0})
        .putShort((short) text.length)
        .put(text)
        .put(floats(values))
        .array();
  }

  /** The affine skip is applied as it is stored: y += x A with A [d, o]. */
  @Test
  void gemmaScope2sAffineSkipIsNotTransposed() throws IOException {
    new SafetensorsWriter()
        .floats("w_enc", transposed(ENCODER, N), D, N)
        .floats("w_dec", new float[N * D], N, D)
        .floats("b_enc", new float[N], N)
        .floats("b_dec", new float[D], D)
        .floats("threshold", new float[N], N)
        .floats("affine_skip_connection", new float[] {0, 1, 0, 0}, D, D)
        .write(folder.resolve("params.safetensors"));
    // Without config.json, as in the folders called _all.
    try (SparseAutoencoder sae = open(folder)) {
      assertTrue(sae.config().transcoder());
      assertArrayEquals(new float[] {0, 3}, sae.reconstruct(new float[] {3, 5}));
    }
    // Declared values do not affect what is computed.
    json("config.json", Map.of("architecture", "jump_relu", "l0", -1));
    try (SparseAutoencoder sae = open(folder)) {
      assertTrue(sae.config().metadata().l0().isEmpty());
    }
    json("config.json", Map.of("architecture", "jump_relu", "affine_connection", false));
    assertTrue(refusal(folder).contains("affine_connection is false"));
    json("config.json", Map.of("architecture", "topk"));
    assertTrue(refusal(folder).contains("architecture: expected jump_relu, got 'topk'"));
  }

  @Test
  void crossLayerTranscodersAreRefusedByName() throws IOException {
    new SafetensorsWriter()
        .floats("w_enc", transposed(ENCODER, N), D, N)
        .floats("w_dec", new float[N * 4 * D], N, 4, D)
        .floats("b_enc", new float[N], N)
        .floats("b_dec", new float[4 * D], 4, D)
        .floats("threshold", new float[N], N)
        .write(folder.resolve("params.safetensors"));
    assertTrue(refusal(folder).contains("w_dec: expected a shape of 2 sizes"));
    Path set = Files.createDirectory(folder.resolve("clt"));
    new SafetensorsWriter()
        .floats("W_enc_0", ENCODER, N, D)
        .write(set.resolve("W_enc_0.safetensors"));
    assertTrue(refusal(set).contains("cannot read a cross-layer transcoder"));
  }

  /** Scaling was not folded (#645), and norms are not folded by others even now. */
  @Test
  void llamaScopeFoldsFactorsAndDecoderNorms() throws IOException {
    Files.createDirectory(folder.resolve("checkpoints"));
    new SafetensorsWriter()
        .floats("encoder.weight", ENCODER, N, D)
        .floats("encoder.bias", new float[] {4, 4, 4}, N)
        .floats("decoder.weight", transposed(new float[] {0, 2, 3, 0, 0, 1}, N), D, N)
        .floats("decoder.bias", B_DEC, D)
        .write(folder.resolve("checkpoints/final.safetensors"));
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("d_model", D);
    cfg.put("d_sae", N);
    cfg.put("act_fn", "jumprelu");
    cfg.put("jump_relu_threshold", 0.5);
    cfg.put("norm_activation", "dataset-wise");
    // s_in = 2, s_out = 4.
    double root = Math.sqrt(2);
    cfg.put("dataset_average_activation_norm", Map.of("in", root / 2, "out", root / 4));
    cfg.put("sparsity_include_decoder_norm", true);
    cfg.put("apply_decoder_bias_to_pre_encoder", false);
    json("hyperparams.json", cfg);
    try (SparseAutoencoder sae = open(folder)) {
      // Rows of the decoder times 2/4: norms 1, 1.5, 0.5. b_enc = 2, b_dec = (2.5, 5).
      // pre of x = (1, -3): (3, -1, 0) times norms: (3, -1.5, 0).
      expect(sae, new float[] {1, -3}, new float[] {3, 0, 0}, new float[] {2.5f, 5 + 3});
    }
    cfg.remove("dataset_average_activation_norm");
    json("hyperparams.json", cfg);
    assertTrue(refusal(folder).contains("dataset_average_activation_norm: expected an object"));
    cfg.put("norm_activation", "batch-wise");
    json("hyperparams.json", cfg);
    assertTrue(refusal(folder).contains("norm_activation: expected dataset-wise"));
    cfg.put("norm_activation", "inference");
    cfg.put("use_glu_encoder", true);
    json("hyperparams.json", cfg);
    assertTrue(refusal(folder).contains("use_glu_encoder: expected false, got true"));
  }

  /** In the scale of training: x · s_in is encoded, x̂ / s_out comes out. */
  @Test
  void llamascopium() throws IOException {
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("sae_type", "sae");
    cfg.put("d_model", D);
    cfg.put("expansion_factor", 1.5);
    cfg.put("act_fn", "jumprelu");
    cfg.put("norm_activation", "dataset-wise");
    cfg.put("sparsity_include_decoder_norm", true);
    cfg.put("hook_point_in", "here");
    cfg.put("hook_point_out", "here");
    json("config.json", cfg);
    float norm = (float) Math.sqrt(2) / 2; // s = 2
    float[] decoder = {0, 2, 4, 0, 0, 1};
    new SafetensorsWriter()
        .floats("W_E", transposed(ENCODER, N), D, N)
        .floats("b_E", new float[N], N)
        .floats("W_D", decoder, N, D)
        .floats("b_D", B_DEC, D)
        .floats(
            "activation_function.log_jumprelu_threshold",
            new float[] {(float) Math.log(7), (float) Math.log(7), (float) Math.log(7)},
            N)
        .floats("dataset_average_activation_norm.here", new float[] {norm})
        .write(folder.resolve("sae_weights.safetensors"));
    try (SparseAutoencoder sae = open(folder)) {
      // pre of x = (1, 2): (2, 4, 6); times norms 2, 4, 1: (4, 16, 6), one above 7.
      expect(sae, new float[] {1, 2}, new float[] {0, 4, 0}, new float[] {(16 + 10) / 2f, 20 / 2f});
    }
    cfg.put("act_fn", "topk");
    cfg.put("top_k", 1);
    json("config.json", cfg);
    try (SparseAutoencoder sae = open(folder)) {
      // Ranked by (4, 16, 6): the second, in that scale.
      expect(
          sae, new float[] {1, 2}, new float[] {0, 16, 0}, new float[] {(16 + 10) / 2f, 20 / 2f});
    }
    cfg.put("sae_type", "crosscoder");
    json("config.json", cfg);
    assertTrue(refusal(folder).contains("sae_type: expected sae, got 'crosscoder'"));
    cfg.put("sae_type", "sae");
    cfg.put("act_fn", "batchtopk");
    json("config.json", cfg);
    assertTrue(refusal(folder).contains("act_fn: expected relu, jumprelu or topk"));
  }

  private void layer(Map<String, float[]> extra) throws IOException {
    SafetensorsWriter writer =
        new SafetensorsWriter()
            .floats("W_enc", ENCODER, N, D)
            .floats("b_enc", B_ENC, N)
            .floats("W_dec", DECODER, N, D)
            .floats("b_dec", B_DEC, D);
    extra.forEach((name, values) -> writer.floats(name, values, values.length));
    writer.write(folder.resolve("layer_12.safetensors"));
  }

  /** crv-8b-instruct-transcoders are TopK; nothing in their files says so. */
  @Test
  void aTranscoderThatDoesNotSayItsActivationIsNotTakenForRelu() throws IOException {
    layer(Map.of());
    assertTrue(refusal(folder).contains("activation: neither a threshold nor k"));
    try (SparseAutoencoder sae = read(folder, options(null, Choice.RELU)).sae()) {
      assertEquals(12, sae.config().metadata().layer().orElseThrow());
      expectPlainRelu(sae);
    }
    assertTrue(refusal(folder, options(null, Choice.TOPK)).contains("k: expected in the file"));
    assertTrue(refusal(folder, options(null, Choice.JUMPRELU)).contains("and no activation_f"));
    try (SparseAutoencoder sae = read(folder, options(2, Choice.TOPK)).sae()) {
      assertEquals(Ranked.topK(2, Relu.NONE), sae.config().activation());
    }
    Files.writeString(folder.resolve("config.yaml"), "activation: gelu\n");
    assertTrue(refusal(folder).contains("expected relu, topk or jumprelu, got 'gelu'"));
    Files.writeString(folder.resolve("config.yaml"), "activation: topk\nk: 3\n");
    assertTrue(refusal(folder, options(2, null)).contains("k: is 3 by the file, asked for 2"));
    Files.writeString(folder.resolve("config.yaml"), "model_kind: cross_layer_transcoder\n");
    assertTrue(refusal(folder).contains("expected transcoder_set"));
    Files.writeString(folder.resolve("config.yaml"), "activation: relu\n");
    layer(Map.of("activation_function.threshold", new float[N]));
    assertTrue(refusal(folder).contains("activation: relu, but activation_function.threshold"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bothNamesOfATiedMatrixAreKnown(boolean encoder) throws IOException {
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("input_dim", D);
    cfg.put("hidden_dim", N);
    cfg.put("k", 1);
    json("config.json", cfg);
    new SafetensorsWriter()
        .floats(encoder ? "encoder.weight" : "decoder.linear.weight", ENCODER, N, D)
        .floats("pre_bias", B_DEC, D)
        .floats("latent_bias", B_ENC, N)
        .write(folder.resolve("model.safetensors"));
    try (SparseAutoencoder sae = open(folder)) {
      assertTrue(sae.weights().tied());
      // x − pre_bias = (5, 1): pre (5, 1, 5); the first of two equals.
      expect(sae, new float[] {15, 21}, new float[] {5, 0, 0}, new float[] {5 + 10, 20});
    }
    cfg.put("attention", true);
    json("config.json", cfg);
    assertTrue(refusal(folder).contains("'attention' is not a member known to change nothing"));
  }

  @Test
  void openAisLayerNormFollowsTheActivation() throws IOException {
    Path file = folder.resolve("0.pt");
    for (String name : List.of("TopK", "ReLU", "Identity")) {
      HandMadePickle pickle = new HandMadePickle().ops("}(");
      String[] tensors = {"encoder.weight", "decoder.weight", "pre_bias", "latent_bias"};
      long[][] shapes = {{N, D}, {D, N}, {D}, {N}};
      for (int i = 0; i < tensors.length; i++) {
        long width = shapes[i].length == 2 ? shapes[i][1] : 1;
        long size = Arrays.stream(shapes[i]).reduce(1, (a, b) -> a * b);
        long[] strides = shapes[i].length == 2 ? new long[] {width, 1} : new long[] {1};
        pickle.text(tensors[i]).tensor("FloatStorage", "" + i, size, 0, shapes[i], strides);
      }
      pickle.text("activation").text(name).text("activation_state_dict").op('}');
      pickle.text("k").op('K', 2, 's', 'u');
      Files.write(
          file,
          HandMadePickle.archive(
              pickle.end(),
              floats(ENCODER),
              floats(transposed(DECODER, N)),
              floats(B_DEC),
              floats(B_ENC)));
      if (name.equals("Identity")) {
        assertTrue(refusal(file).contains("activation: expected TopK or ReLU, got 'Identity'"));
        continue;
      }
      try (SparseAutoencoder sae = open(file)) {
        SaeConfig config = sae.config();
        boolean topK = name.equals("TopK");
        assertEquals(topK ? Ranked.topK(2, Relu.AFTER) : Threshold.RELU, config.activation());
        assertEquals(
            topK ? InputNormalization.LAYER_NORM : InputNormalization.NONE, config.normalization());
        assertTrue(config.applyBDecToInput());
      }
    }
  }

  /** A skip transcoder's matrix is y += x W_skipᵀ in SAELens and sparsify: dtype is no matter. */
  @Test
  void sparsifysUnknownMembersAreNamed() throws IOException {
    new SafetensorsWriter()
        .floats("encoder.weight", ENCODER, N, D)
        .floats("encoder.bias", B_ENC, N)
        .floats("W_dec", DECODER, N, D)
        .floats("b_dec", B_DEC, D)
        .write(folder.resolve("sae.safetensors"));
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("d_in", D);
    cfg.put("num_latents", N);
    cfg.put("k", 1);
    cfg.put("transcode", true);
    json("cfg.json", cfg);
    try (SparseAutoencoder sae = open(folder)) {
      assertTrue(sae.config().transcoder());
      expectPlainRelu(sae);
    }
    cfg.put("signed", true);
    json("cfg.json", cfg);
    assertTrue(refusal(folder).contains("signed: expected false, got true"));
    cfg.put("signed", false);
    cfg.put("activation", "abs_topk");
    json("cfg.json", cfg);
    assertTrue(refusal(folder).contains("activation: expected topk or groupmax"));
    cfg.put("activation", "groupmax");
    cfg.put("k", 2);
    json("cfg.json", cfg);
    assertTrue(refusal(folder).contains("k: expected a divisor of num_latents = 3"));
    cfg.put("k", 1);
    cfg.put("swiglu", true);
    json("cfg.json", cfg);
    assertTrue(refusal(folder).contains("'swiglu' is not a member known to change nothing"));
  }
}
