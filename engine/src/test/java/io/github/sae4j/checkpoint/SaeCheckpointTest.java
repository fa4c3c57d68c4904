package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.folders.AtomicFolder;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.writing.SaeLensWriter;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.SafetensorsWriter;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SaeCheckpointTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/checkpoints");

  private final Device device = new ScalarDevice();

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "saelens-topk",
        "saelens-topk-rescaled",
        "saelens-topk-layernorm",
        "saelens-topk-constnorm",
        "saelens-standard",
        "saelens-jumprelu",
        "saelens-gated",
        "saelens-batchtopk",
        "saelens-batchtopk-inference",
        "saelens-batchtopk-training",
        "saelens-matryoshka-inference",
        "saelens-matryoshka-training",
        "saelens-transcoder",
        "saelens-skip-transcoder",
        "saelens-jumprelu-transcoder",
        "sparsify-topk"
      })
  void aPeersCheckpointGivesThePeersNumbers(String name) throws IOException {
    Path folder = golden(name);
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder, device)) {
      assertExpected(sae, folder);
      // And so it does once written as ours and read back.
      Path copy = temp.resolve(name);
      SaeCheckpoint.save(copy, sae);
      try (SparseAutoencoder again = SaeCheckpoint.load(copy, device)) {
        assertSameBits(sae, again);
        assertEquals(sae.config().activation().getClass(), again.config().activation().getClass());
        assertExpected(again, folder);
      }
    }
  }

  private static final Path CASES = Path.of("src/test/resources/cases");

  @ParameterizedTest
  @ValueSource(strings = {"6-sae-nan-in-metadata", "6-sae-seed-2-64", "7-sae-scaling-near-1"})
  void whatNobodyNeedsDoesNotStandInTheWay(String name) throws IOException {
    try (SparseAutoencoder sae = SaeCheckpoint.load(CASES.resolve(name), device)) {
      SaeCheckpoint.save(temp.resolve("copy"), sae);
      // Written again it is JSON for every reader.
      String config = Files.readString(temp.resolve("copy/cfg.json"));
      assertFalse(config.contains("NaN") || config.contains("Infinity"), config);
      try (SparseAutoencoder again = SaeCheckpoint.load(temp.resolve("copy"), device)) {
        assertSameBits(sae, again);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'\"d_in\": 16', '\"d_in\": NaN', 'd_in: expected an integer from 1 to 2147483647, got NaN'",
    "'\"k\": 4', '\"k\": 18446744073709551616', 'k: expected an integer from 1 to'",
    "'\"d_sae\": 64', '\"d_sae\": Infinity', 'd_sae: expected an integer from 1 to'",
  })
  void whatIsNeededMustBeANumber(String was, String is, String said) throws IOException {
    Path folder = Files.createDirectories(temp.resolve("sae"));
    Path from = CASES.resolve("6-sae-nan-in-metadata");
    Files.copy(from.resolve("sae_weights.safetensors"), folder.resolve("sae_weights.safetensors"));
    String config = Files.readString(from.resolve("cfg.json"));
    assertTrue(config.contains(was), config);
    Files.writeString(folder.resolve("cfg.json"), config.replaceFirst(was, is));
    String message =
        assertThrows(BadFileException.class, () -> SaeCheckpoint.load(folder, device)).getMessage();
    assertTrue(message.contains(said), message);
  }

  @ParameterizedTest
  @CsvSource({"1.000009, true", "0.999991, true", "1.0001, false", "0.999, false"})
  void factorsCountAsOnesAsSaeLensTakesThem(float factor, boolean read) throws IOException {
    Path folder = Files.createDirectories(temp.resolve("sae"));
    Path from = CASES.resolve("7-sae-scaling-near-1");
    Files.copy(from.resolve("cfg.json"), folder.resolve("cfg.json"));
    try (TensorFile file = SafetensorsFile.open(from.resolve("sae_weights.safetensors"));
        OffHeap memory = new OffHeap()) {
      SafetensorsWriter writer = new SafetensorsWriter();
      for (TensorInfo tensor : file.tensors()) {
        Matrix matrix = memory.vector((int) tensor.elements());
        file.readFloats(tensor, 0, tensor.elements(), matrix.segment(), 0);
        if (tensor.name().equals("scaling_factor")) {
          matrix.set(0, 3, factor);
        }
        writer.tensor(
            tensor.name(),
            matrix,
            ElementType.F32,
            tensor.shape().stream().mapToLong(Long::longValue).toArray());
      }
      writer.write(folder.resolve("sae_weights.safetensors"));
    }
    if (read) {
      SaeCheckpoint.load(folder, device).close();
    } else {
      assertThrows(BadFileException.class, () -> SaeCheckpoint.load(folder, device));
    }
  }

  @Test
  void weightsThatFoldingMakesInfiniteAreNotWritten() throws IOException {
    try (SparseAutoencoder sae =
        SaeCheckpoint.load(CASES.resolve("7-sae-scaling-near-1"), device)) {
      for (float factor : new float[] {Float.MAX_VALUE, Float.MIN_NORMAL / 1e6f}) {
        Folding folding = Folding.of(sae.weights().wDec(), factor, false);
        sae.weights().bDec().set(0, 0, 3);
        sae.weights().wEnc().set(0, 0, 3);
        Path folder = temp.resolve("folded");
        Exception e =
            assertThrows(
                IOException.class,
                () ->
                    AtomicFolder.write(
                        folder,
                        inner -> SaeLensWriter.write(inner, sae.config(), sae.weights(), folding)));
        assertTrue(e.getMessage().contains("folded in"), e.getMessage());
        assertFalse(Files.exists(folder));
      }
    }
  }

  @Test
  void weightsThatFoldingMakesInfiniteAreNotRead() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("sae"));
    Path from = CASES.resolve("7-sae-scaling-near-1");
    Files.copy(from.resolve("sae_weights.safetensors"), folder.resolve("sae_weights.safetensors"));
    Map<String, Object> config = Json.readForeignObject(from.resolve("cfg.json"), 1 << 20);
    config.put("normalize_activations", "expected_average_only_in");
    Files.writeString(folder.resolve("cfg.json"), Json.pretty(config));
    for (String factor : List.of("1e-44")) {
      Files.writeString(
          folder.resolve("activation_scaler.json"), "{\"scaling_factor\": " + factor + "}");
      String message =
          assertThrows(BadFileException.class, () -> SaeCheckpoint.load(folder, device))
              .getMessage();
      assertTrue(message.contains("stay finite"), message);
    }
  }

  /** SAELens has no architecture for these, so that they are not written. */
  @ParameterizedTest
  @ValueSource(strings = {"sparsify-groupmax", "sparsify-skip-transcoder"})
  void whatSaeLensCannotExpressIsReadAndNotSaved(String name) throws IOException {
    Path folder = golden(name);
    try (SparseAutoencoder sae = SaeCheckpoint.load(folder, device)) {
      assertExpected(sae, folder);
      String message =
          assertThrows(
                  IllegalArgumentException.class, () -> SaeCheckpoint.save(temp.resolve("x"), sae))
              .getMessage();
      assertTrue(message.startsWith("SAELens has no architecture for"), message);
      assertFalse(Files.exists(temp.resolve("x")));
    }
  }

  private void assertExpected(SparseAutoencoder sae, Path folder) throws IOException {
    try (TensorFile expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        OffHeap memory = device.openMemory()) {
      // Training checkpoints: their class selects over the batch; an SAE maps single vectors.
      String kind = folder.toString().endsWith("-training") ? "threshold_" : "";
      Matrix x = tensor(expected, "x", memory);
      Matrix recon = memory.matrix(x.rows(), sae.config().dOut());
      SparseCodes codes = memory.codes(x.rows(), 0);
      sae.encode(x, codes);
      sae.decode(codes, x, recon);
      float[] dense = new float[x.rows() * sae.config().dSae()];
      for (int b = 0; b < x.rows(); b++) {
        for (int slot = 0; slot < codes.length(b); slot++) {
          dense[b * sae.config().dSae() + codes.index(b, slot)] = codes.value(b, slot);
        }
      }
      // Roundings of f32 sums over d_in columns in another order.
      String acts = kind.isEmpty() ? "feature_acts" : "threshold_acts";
      float[] given = tensor(expected, acts, memory).toArray();
      assertClose(given, dense, 1e-5);
      for (int i = 0; i < dense.length; i++) {
        assertEquals(given[i] != 0, dense[i] != 0, "selection of element " + i);
      }
      assertClose(tensor(expected, kind + "recon", memory).toArray(), recon.toArray(), 1e-5);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "matching_pursuit, 'architecture: cannot read matching_pursuit'",
    "temporal, 'architecture: cannot read temporal: it maps sequences'",
    "lambda, 'architecture: expected one of standard, topk,'",
  })
  void anotherArchitectureIsNamed(String name, String complaint) throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      writeConfig(Map.of("architecture", name));
      assertBad(temp, complaint);
    }
  }

  /** SAELens 6 loaded such files as ReLU: the re-uploads of OpenAI's SAEs, and SAEBench's. */
  @Test
  void anActivationFunctionIsNeverTakenForAnother() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      Map<String, Object> cfg = new LinkedHashMap<>();
      cfg.put("d_in", 4);
      cfg.put("d_sae", 9);
      cfg.put("dtype", "torch.float32");
      cfg.put("architecture", "standard");
      cfg.put("activation_fn_str", "topk");
      cfg.put("activation_fn_kwargs", Map.of("k", 3));
      cfg.put("normalize_activations", "layer_norm");
      write(cfg);
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(Ranked.topK(3, Relu.AFTER), sae.config().activation());
        assertEquals(InputNormalization.LAYER_NORM, sae.config().normalization());
      }
      cfg.remove("architecture");
      write(cfg);
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(Ranked.topK(3, Relu.AFTER), sae.config().activation());
      }
      cfg.remove("activation_fn_kwargs");
      write(cfg);
      assertBad(temp, "k: expected in the file, found nothing");
      cfg.put("activation_fn_str", "tanh-relu");
      write(cfg);
      assertBad(temp, "activation_fn: expected relu or topk, got 'tanh-relu'");
      cfg.put("activation_fn_str", "relu");
      write(cfg);
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(Threshold.RELU, sae.config().activation());
      }
      cfg.put("architecture", "topk");
      write(cfg);
      assertBad(temp, "architecture: topk contradicts activation function relu");
      cfg.remove("architecture");
      cfg.remove("activation_fn_str");
      write(cfg);
      assertBad(temp, "expected an architecture or an activation_fn, found neither");
    }
  }

  @Test
  void whatTheFileLeavesOpenMayBeGiven() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      write(new LinkedHashMap<>(Map.of("d_in", 4, "d_sae", 9)));
      ReadOptions topK = new ReadOptions(OptionalInt.of(2), Optional.of(ReadOptions.Choice.TOPK));
      try (SparseAutoencoder sae = SaeCheckpoint.read(temp, device, topK).sae()) {
        assertEquals(Ranked.topK(2, Relu.AFTER), sae.config().activation());
      }
      writeConfig(Map.of("k", 3));
      String message =
          assertThrows(BadFileException.class, () -> SaeCheckpoint.read(temp, device, topK))
              .getMessage();
      assertTrue(message.contains("k: is 3 by the file, asked for 2"), message);
      writeConfig(Map.of("architecture", "standard"));
      message =
          assertThrows(BadFileException.class, () -> SaeCheckpoint.read(temp, device, topK))
              .getMessage();
      assertTrue(message.contains("is relu by the file, asked for topk"), message);
    }
  }

  private void write(Map<String, Object> cfg) throws IOException {
    Files.writeString(temp.resolve("cfg.json"), Json.pretty(cfg));
  }

  @ParameterizedTest
  @EnumSource(InputNormalization.class)
  void aWrittenCheckpointReadsBackWithTheSameBits(InputNormalization normalization)
      throws IOException {
    // Sizes that no block of the readers and writers divides.
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("model_name", "gpt2");
    metadata.put("seqpos_slice", Collections.singletonList(null));
    metadata.put("sae_lens_version", "6.18.0");
    metadata.put("sae_lens_training_version", "6.18.0");
    metadata.put("generator", "sae4j");
    SaeConfig config =
        SaeConfig.topK(37, 101, 3)
            .withBDecApplied(false)
            .with(normalization)
            .with(SaeMetadata.of(metadata));
    try (SparseAutoencoder sae = new SparseAutoencoder(device, config, random(37, 101, 5))) {
      SaeCheckpoint.save(temp.resolve("sae"), sae);
      try (SparseAutoencoder again = SaeCheckpoint.load(temp.resolve("sae"), device)) {
        assertSameBits(sae, again);
        assertEquals(config, again.config());
      }
    }
  }

  @Test
  void whatIsFoldedWhileWritingIsWhatFoldingInPlaceGives() throws IOException {
    try (SaeWeights weights = random(11, 29, 3)) {
      Folding folding = Folding.of(weights.wDec(), 0.3f, true);
      SaeConfig config = SaeConfig.topK(11, 29, 4);
      SaeLensWriter.write(temp, config, weights, folding);
      folding.apply(weights);
      try (SparseAutoencoder read = SaeCheckpoint.load(temp, device)) {
        assertArrayEquals(weights.wEnc().toArray(), read.weights().wEnc().toArray());
        assertArrayEquals(weights.wDec().toArray(), read.weights().wDec().toArray());
        assertArrayEquals(weights.bEnc().toArray(), read.weights().bEnc().toArray());
        assertArrayEquals(weights.bDec().toArray(), read.weights().bDec().toArray());
      }
    }
  }

  @Test
  void largeMatricesAreTransposedInBlocks() throws IOException {
    int d = 700;
    int n = 5000; // two blocks of the transposing reader and writer
    try (SparseAutoencoder sae =
        new SparseAutoencoder(device, SaeConfig.topK(d, n, 1), random(d, n, 1))) {
      SaeCheckpoint.save(temp.resolve("large"), sae);
      try (TensorFile file = SafetensorsFile.open(temp.resolve("large/sae_weights.safetensors"));
          OffHeap memory = device.openMemory()) {
        Matrix stored = tensor(file, "W_enc", memory);
        for (int i = 0; i < n; i += 97) {
          for (int j = 0; j < d; j++) {
            assertEquals(sae.weights().wEnc().get(i, j), stored.get(j, i));
          }
        }
      }
      try (SparseAutoencoder again = SaeCheckpoint.load(temp.resolve("large"), device)) {
        assertSameBits(sae, again);
      }
    }
  }

  /** What SAELens's loader asks for, key by key (peers' file formats, SAELens 6). */
  @Test
  void theWrittenConfigurationIsWhatSaeLensReads() throws IOException {
    try (SparseAutoencoder sae =
        new SparseAutoencoder(device, SaeConfig.topK(2, 3, 1), random(2, 3, 1))) {
      SaeCheckpoint.save(temp.resolve("sae"), sae);
    }
    Map<String, Object> cfg = Json.readObject(temp.resolve("sae/cfg.json"), 1 << 20);
    assertEquals("topk", cfg.get("architecture"));
    assertEquals(2L, cfg.get("d_in"));
    assertEquals(3L, cfg.get("d_sae"));
    assertEquals(1L, cfg.get("k"));
    assertEquals("float32", cfg.get("dtype"));
    assertEquals("cpu", cfg.get("device"));
    assertEquals(true, cfg.get("apply_b_dec_to_input"));
    assertEquals("none", cfg.get("normalize_activations"));
    assertEquals("none", cfg.get("reshape_activations"));
    assertEquals(false, cfg.get("rescale_acts_by_decoder_norm"));
    Map<?, ?> metadata = (Map<?, ?>) cfg.get("metadata");
    assertEquals("6.18.0", metadata.get("sae_lens_version"));
    assertTrue(metadata.containsKey("sae_lens_training_version"));
    assertNull(metadata.get("sae_lens_training_version"), "SAELens did not train it");
    try (TensorFile file = SafetensorsFile.open(temp.resolve("sae/sae_weights.safetensors"))) {
      Map<String, List<Long>> shapes = new LinkedHashMap<>();
      for (TensorInfo tensor : file.tensors()) {
        assertEquals(ElementType.F32, tensor.type());
        shapes.put(tensor.name(), tensor.shape());
      }
      assertEquals(
          Map.of(
              "W_enc", List.of(2L, 3L),
              "W_dec", List.of(3L, 2L),
              "b_enc", List.of(3L),
              "b_dec", List.of(2L)),
          shapes);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F64", "F32", "F16", "BF16"})
  void weightsOfEveryFloatTypeAreRead(ElementType type) throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      // Few bits, so that every type holds them exactly.
      for (Matrix m : new Matrix[] {weights.wEnc(), weights.wDec()}) {
        for (int r = 0; r < m.rows(); r++) {
          for (int c = 0; c < m.cols(); c++) {
            m.set(r, c, Math.round(m.get(r, c) * 16) / 16f);
          }
        }
      }
      weights.bEnc().fill(0.5f);
      weights.bDec().fill(-0.25f);
      writeWeights(weights, type);
      writeConfig(Map.of());
      try (SparseAutoencoder read = SaeCheckpoint.load(temp, device)) {
        assertArrayEquals(weights.wEnc().toArray(), read.weights().wEnc().toArray());
        assertArrayEquals(weights.wDec().toArray(), read.weights().wDec().toArray());
        assertArrayEquals(weights.bEnc().toArray(), read.weights().bEnc().toArray());
        assertArrayEquals(weights.bDec().toArray(), read.weights().bDec().toArray());
      }
    }
  }

  @Test
  void aConfigurationOfSaeLens4IsRead() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      Map<String, Object> cfg = new LinkedHashMap<>();
      cfg.put("model_name", "gpt2");
      cfg.put("hook_name", "blocks.8.hook_resid_pre");
      cfg.put("architecture", "topk");
      cfg.put("d_in", 4);
      cfg.put("d_sae", 9);
      cfg.put("activation_fn", "topk");
      cfg.put("activation_fn_kwargs", Map.of("k", 3));
      cfg.put("normalize_activations", false);
      cfg.put("dtype", "torch.float32");
      cfg.put("sae_lens_version", "4.3.5");
      Files.writeString(temp.resolve("cfg.json"), Json.pretty(cfg));
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(Ranked.topK(3, Relu.AFTER), sae.config().activation());
        assertTrue(sae.config().applyBDecToInput());
        assertEquals("gpt2", sae.config().metadata().model().orElseThrow());
        assertEquals(InputNormalization.NONE, sae.config().normalization());
      }
    }
  }

  /** Rows are flat here, but SAELens gives an attention layer's heads to such an SAE. */
  @Test
  void howSaeLensReshapesHeadsSurvives() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      writeConfig(Map.of("reshape_activations", "hook_z"));
      assertEquals("hook_z", reshapeOnceSaved());
      writeConfig(Map.of("reshape_activations", "none", "hook_name", "blocks.2.attn.hook_z"));
      assertEquals("none", reshapeOnceSaved());
      Map<String, Object> former = new LinkedHashMap<>(); // before the option existed
      former.put("metadata", null);
      former.put("hook_point", "blocks.2.attn.hook_z");
      writeConfig(former);
      assertEquals("hook_z", reshapeOnceSaved());
      writeConfig(Map.of());
      assertEquals("none", reshapeOnceSaved());
      writeConfig(Map.of("reshape_activations", "heads"));
      assertBad(temp, "reshape_activations: expected none or hook_z, got 'heads'");
    }
  }

  private Object reshapeOnceSaved() throws IOException {
    Path copy = temp.resolve("copy");
    for (Path from : List.of(temp, copy)) {
      try (SparseAutoencoder sae = SaeCheckpoint.load(from, device)) {
        SaeCheckpoint.save(copy, sae);
      }
    }
    Map<String, Object> cfg = Json.readObject(copy.resolve("cfg.json"), 1 << 20);
    assertFalse(((Map<?, ?>) cfg.get("metadata")).containsKey("reshape_activations"));
    return cfg.get("reshape_activations");
  }

  @Test
  void theFactorBesideAnUnfoldedCheckpointIsFolded() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      writeConfig(Map.of("normalize_activations", "expected_average_only_in"));
      Files.writeString(temp.resolve("activation_scaler.json"), "{\"scaling_factor\": 0.25}");
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(weights.wEnc().get(5, 2) * 0.25f, sae.weights().wEnc().get(5, 2));
        assertEquals(weights.wDec().get(5, 2) * 4, sae.weights().wDec().get(5, 2));
        assertEquals(weights.bDec().get(0, 1) * 4, sae.weights().bDec().get(0, 1));
      }
      Files.writeString(temp.resolve("activation_scaler.json"), "{\"scaling_factor\": null}");
      try (SparseAutoencoder sae = SaeCheckpoint.load(temp, device)) {
        assertEquals(weights.wEnc().get(5, 2), sae.weights().wEnc().get(5, 2));
      }
      Files.writeString(temp.resolve("activation_scaler.json"), "{\"scaling_factor\": -1}");
      assertBad(temp, "scaling_factor: expected a positive number or null, got -1");
    }
  }

  @Test
  void everythingInTheFilesIsChecked() throws IOException {
    try (SaeWeights weights = random(4, 9, 2)) {
      writeWeights(weights, ElementType.F32);
      writeConfig(Map.of("k", 10));
      assertBad(temp, "k: expected at most d_sae = 9, got 10");
      writeConfig(Map.of("k", 0));
      assertBad(temp, "k: expected an integer from 1");
      writeConfig(Map.of("d_in", 5));
      assertBad(temp, "W_enc: expected shape [5, 9] by the configuration, got [4, 9]");
      writeConfig(Map.of("d_sae", 2147483647));
      assertBad(temp, "W_enc: expected shape [4, 2147483647]");
      writeConfig(Map.of("d_sae", "9"));
      assertBad(temp, "d_sae: expected an integer from 1 to 2147483647, got '9'");
      writeConfig(Map.of("dtype", "int8"));
      assertBad(temp, "dtype: expected float64, float32, float16 or bfloat16, got 'int8'");
      writeConfig(Map.of("normalize_activations", "sqrt"));
      assertBad(temp, "normalize_activations: expected none,");
      writeConfig(Map.of("apply_b_dec_to_input", 1));
      assertBad(temp, "apply_b_dec_to_input: expected true or false, got 1");
      writeConfig(Map.of("metadata", "x"));
      assertBad(temp, "metadata: expected an object, got 'x'");
      Files.writeString(temp.resolve("cfg.json"), "[1]");
      assertBad(temp, "expected a JSON object");
      Files.delete(temp.resolve("cfg.json"));
      assertBad(temp, "no such file");
      writeConfig(Map.of());

      weights.wEnc().set(7, 3, Float.NaN);
      writeWeights(weights, ElementType.F32);
      assertBad(temp, "W_enc: expected finite weights, element 34 is NaN");
      weights.wEnc().set(7, 3, 1f);
      weights.bDec().set(0, 2, Float.POSITIVE_INFINITY);
      writeWeights(weights, ElementType.F32);
      assertBad(temp, "b_dec: expected finite weights, element 2 is Infinity");
      weights.bDec().set(0, 2, 0f);

      Path file = temp.resolve("sae_weights.safetensors");
      new SafetensorsWriter().transposed("W_enc", weights.wEnc()).write(file);
      assertBad(temp, "expected a tensor 'W_dec'");
      writer(weights, ElementType.F32).floats("threshold", new float[9], 9).write(file);
      assertBad(temp, "found [threshold]");
      writer(weights, ElementType.F32).floats("scaling_factor", new float[9], 9).write(file);
      assertBad(temp, "scaling_factor: expected ones");
      new SafetensorsWriter()
          .transposed("W_enc", weights.wEnc())
          .matrix("W_dec", weights.wDec())
          .longs("b_enc", new long[9], 9)
          .vector("b_dec", weights.bDec())
          .write(file);
      assertBad(temp, "b_enc: expected F64, F32, F16, BF16 or F8, got I64");
      writeWeights(weights, ElementType.F32);
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length - 3));
      assertThrows(BadFileException.class, () -> SaeCheckpoint.load(temp, device));
    }
  }

  @Test
  void aFolderWithoutAnSaeSaysWhatWasExpected() throws IOException {
    assertBad(
        temp, "sae_weights.safetensors), sparsify (cfg.json and sae.safetensors), Gemma Scope");
    assertBad(temp.resolve("missing"), "expected an SAE's folder or file, found nothing");
    Path file = Files.createFile(temp.resolve("file"));
    assertBad(file, "found none of them");
  }

  @Test
  void aRunsFolderStandsForItsTrainedSae() throws IOException {
    try (SparseAutoencoder sae =
        new SparseAutoencoder(device, SaeConfig.topK(4, 9, 2), random(4, 9, 2))) {
      SaeCheckpoint.save(temp.resolve("run/final"), sae);
      try (SparseAutoencoder again = SaeCheckpoint.load(temp.resolve("run"), device)) {
        assertSameBits(sae, again);
      }
    }
  }

  @Test
  void everyFlippedBitOfAWrittenCheckpointIsNoticed() throws IOException {
    Path folder = temp.resolve("sae");
    try (SparseAutoencoder sae =
        new SparseAutoencoder(device, SaeConfig.topK(4, 9, 2), random(4, 9, 2))) {
      SaeCheckpoint.save(folder, sae);
    }
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (String name : new String[] {"cfg.json", "sae_weights.safetensors"}) {
      Path file = folder.resolve(name);
      byte[] original = Files.readAllBytes(file);
      for (int i = 0; i < 60; i++) {
        byte[] damaged = original.clone();
        damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, damaged);
        String message =
            assertThrows(
                    BadFileException.class,
                    () -> SaeCheckpoint.load(folder, device),
                    () -> "seed " + seed)
                .getMessage();
        assertTrue(message.contains(name), message);
      }
      Files.write(file, original);
    }
    Path file = folder.resolve("sae_weights.safetensors");
    Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 100));
    assertBad(folder, "bytes by manifest.json, got 100");
    Files.delete(file);
    assertThrows(BadFileException.class, () -> SaeCheckpoint.load(folder, device));
  }

  @Test
  void savingReplacesAndLeavesNothingBeside() throws IOException {
    Path folder = temp.resolve("a/sae");
    for (long seed = 1; seed <= 3; seed++) {
      try (SparseAutoencoder sae =
          new SparseAutoencoder(device, SaeConfig.topK(4, 9, 2), random(4, 9, seed))) {
        SaeCheckpoint.save(folder, sae);
        try (SparseAutoencoder again = SaeCheckpoint.load(folder, device)) {
          assertSameBits(sae, again);
        }
      }
    }
    try (Stream<Path> entries = Files.list(folder.getParent())) {
      assertEquals(List.of(folder), entries.toList());
    }
  }

  private void writeConfig(Map<String, Object> changes) throws IOException {
    Map<String, Object> cfg = new LinkedHashMap<>();
    cfg.put("architecture", "topk");
    cfg.put("d_in", 4);
    cfg.put("d_sae", 9);
    cfg.put("k", 2);
    cfg.put("dtype", "float32");
    cfg.put("metadata", Map.of("sae_lens_version", "6.18.0"));
    cfg.putAll(changes);
    Files.writeString(temp.resolve("cfg.json"), Json.pretty(cfg));
  }

  private void writeWeights(SaeWeights weights, ElementType type) throws IOException {
    writer(weights, type).write(temp.resolve("sae_weights.safetensors"));
  }

  private static SafetensorsWriter writer(SaeWeights weights, ElementType type) {
    return new SafetensorsWriter()
        .transposed("W_enc", weights.wEnc(), type)
        .matrix("W_dec", weights.wDec(), type)
        .vector("b_enc", weights.bEnc(), type)
        .vector("b_dec", weights.bDec(), type);
  }

  private void assertBad(Path folder, String complaint) {
    String message =
        assertThrows(BadFileException.class, () -> SaeCheckpoint.load(folder, device)).getMessage();
    assertTrue(message.contains(complaint), message);
  }

  private static void assertSameBits(SparseAutoencoder expected, SparseAutoencoder actual) {
    assertArrayEquals(expected.weights().wEnc().toArray(), actual.weights().wEnc().toArray());
    assertArrayEquals(expected.weights().bEnc().toArray(), actual.weights().bEnc().toArray());
    assertArrayEquals(expected.weights().wDec().toArray(), actual.weights().wDec().toArray());
    assertArrayEquals(expected.weights().bDec().toArray(), actual.weights().bDec().toArray());
  }

  private static void assertClose(float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length);
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += ((double) expected[i] - actual[i]) * ((double) expected[i] - actual[i]);
      norm += (double) expected[i] * expected[i];
    }
    double relative = Math.sqrt(error / norm);
    assertTrue(relative <= tolerance, "relative error " + relative);
  }

  private static Matrix tensor(TensorFile file, String name, OffHeap memory) throws IOException {
    TensorInfo info = file.tensor(name);
    int rows = Math.toIntExact(info.shape().get(0));
    Matrix matrix = memory.matrix(rows, Math.toIntExact(info.shape().get(1)));
    file.readFloats(info, 0, info.elements(), matrix.segment(), 0);
    return matrix;
  }

  private SaeWeights random(int d, int n, long seed) {
    SaeWeights weights = SaeWeights.allocate(device, d, n);
    Random random = new Random(seed);
    for (Matrix m : new Matrix[] {weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec()}) {
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextGaussian());
        }
      }
    }
    return weights;
  }

  private static Path golden(String name) {
    return GOLDEN.resolve(name);
  }
}
