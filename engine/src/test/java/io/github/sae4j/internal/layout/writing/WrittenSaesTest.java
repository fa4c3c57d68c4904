package io.github.sae4j.internal.layout.writing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.layout.PublishedSaesTest;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.LoadedSae;
import io.github.sae4j.sae.ReadOptions;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import io.github.sae4j.sae.WriteOptions;
import io.github.sae4j.sae.WriteOptions.Layout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written is read back with the same bits, or refused with what the layout lacks. */
class WrittenSaesTest {
  @TempDir private Path folder;
  private final Device device = Devices.open("scalar", DeviceOptions.DEFAULT);

  @AfterEach
  void close() {
    device.close();
  }

  static Stream<Arguments> published() {
    List<Arguments> all = new ArrayList<>();
    PublishedSaesTest.cases()
        .filter(each -> each.recon() != null)
        .forEach(
            each -> {
              for (Layout layout : Layout.values()) {
                all.add(Arguments.of(each, layout));
              }
            });
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("published")
  void publishedSaesComeBackWithTheSameBits(PublishedSaesTest.Case each, Layout layout)
      throws IOException {
    Path from = PublishedSaesTest.GOLDEN.resolve(each.path());
    Path to = folder.resolve("to");
    try (LoadedSae loaded = SaeCheckpoint.read(from, device, each.options())) {
      SparseAutoencoder sae = loaded.sae();
      Optional<String> lacking = lacking(sae, layout);
      WriteOptions options = WriteOptions.DEFAULT.with(layout);
      if (lacking.isPresent()) {
        String message =
            assertThrows(IllegalArgumentException.class, () -> SaeCheckpoint.save(to, sae, options))
                .getMessage();
        assertTrue(message.contains(lacking.get()), message);
        assertFalse(Files.exists(to));
        return;
      }
      SaeCheckpoint.save(to, sae, options);
      try (SparseAutoencoder back = SaeCheckpoint.load(to, device)) {
        expectSame(sae, back);
      }
    }
  }

  /** What a layout lacks for an SAE, stated anew. */
  private static Optional<String> lacking(SparseAutoencoder sae, Layout layout) {
    SaeConfig config = sae.config();
    boolean ranked = config.activation() instanceof Ranked;
    boolean groups = ranked && ((Ranked) config.activation()).scope() == Scope.GROUP;
    boolean signed = ranked && ((Ranked) config.activation()).relu() == Relu.NONE;
    return switch (layout) {
      case SAELENS ->
          groups || signed
              ? Optional.of("SAELens has no architecture for activation Ranked")
              : ranked && config.transcoder()
                  ? Optional.of("SAELens has no architecture for a transcoder with TopK")
                  : Optional.empty();
      case SPARSIFY ->
          !ranked || signed
              ? Optional.of("sparsify cannot express activation")
              : config.normalization() != InputNormalization.NONE
                  ? Optional.of("sparsify cannot express rows that are normalised")
                  : !config.transcoder() && !config.applyBDecToInput()
                      ? Optional.of("sparsify cannot express an autoencoder that does not")
                      : Optional.empty();
      case SENTENCE_TRANSFORMERS ->
          config.transcoder()
              ? Optional.of("SparseAutoEncoder cannot express a transcoder")
              : !ranked || groups || signed
                  ? Optional.of("SparseAutoEncoder cannot express activation")
                  : config.normalization() == InputNormalization.CONSTANT_NORM
                      ? Optional.of("cannot express rows brought to a constant norm")
                      : !config.applyBDecToInput()
                          ? Optional.of("cannot express an autoencoder that does not subtract")
                          : !sae.weights().tied()
                              ? Optional.of("cannot express an encoder and a decoder that differ")
                              : Optional.empty();
    };
  }

  private static void expectSame(SparseAutoencoder sae, SparseAutoencoder back) {
    SaeConfig config = sae.config();
    SaeConfig again = back.config();
    assertEquals(
        List.of(config.dIn(), config.dOut(), config.dSae(), config.transcoder()),
        List.of(again.dIn(), again.dOut(), again.dSae(), again.transcoder()));
    assertEquals(config.applyBDecToInput(), again.applyBDecToInput());
    assertEquals(config.normalization(), again.normalization());
    float[] one = new float[config.dIn()];
    float[] other = new float[config.dIn()];
    for (int i = 0; i < config.dSae(); i++) {
      sae.weights().readEncoder(i, 1, one, 0);
      back.weights().readEncoder(i, 1, other, 0);
      assertArrayEquals(one, other);
    }
    assertArrayEquals(sae.weights().bEnc().toArray(), back.weights().bEnc().toArray());
    assertArrayEquals(sae.weights().wDec().toArray(), back.weights().wDec().toArray());
    assertArrayEquals(sae.weights().bDec().toArray(), back.weights().bDec().toArray());
    assertEquals(sae.weights().wSkip() == null, back.weights().wSkip() == null);
    if (sae.weights().wSkip() != null) {
      assertArrayEquals(sae.weights().wSkip().toArray(), back.weights().wSkip().toArray());
    }
    if (config.activation() instanceof Threshold threshold) {
      Threshold read = (Threshold) again.activation();
      for (int i = 0; i < config.dSae(); i++) {
        assertEquals(threshold.theta(i), read.theta(i));
      }
      assertEquals(threshold.magnitude(), read.magnitude());
    }
    Random random = new Random(9);
    float[][] rows = new float[20][config.dIn()];
    for (float[] row : rows) {
      for (int j = 0; j < row.length; j++) {
        row[j] = (float) random.nextGaussian();
      }
    }
    for (float[] row : rows) {
      SparseCode code = sae.encode(row);
      assertArrayEquals(code.toDense(config.dSae()), back.encode(row).toDense(config.dSae()));
      assertArrayEquals(sae.reconstruct(row), back.reconstruct(row));
    }
    Map<String, Object> metadata = again.metadata().toMap();
    config
        .metadata()
        .toMap()
        .forEach(
            (key, value) -> {
              if (!key.equals("sae_lens_version")) {
                assertEquals(value, metadata.get(key), key);
              }
            });
  }

  private SparseAutoencoder made(SaeConfig config) {
    SaeWeights weights =
        SaeWeights.allocate(device, config.dIn(), config.dOut(), config.dSae(), false);
    fill(weights);
    return new SparseAutoencoder(device, config, weights);
  }

  private static void fill(SaeWeights weights) {
    Random random = new Random(2);
    for (Matrix m : List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())) {
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextGaussian());
        }
      }
    }
  }

  private static SaeConfig topK() {
    return SaeConfig.topK(6, 18, 3)
        .with(
            SaeMetadata.of(
                Map.of("model_name", "gpt2", "hook_name", "blocks.8.hook_resid_pre", "l0", 3L)));
  }

  /** Metadata goes along where the layout has no place of its own for it. */
  @ParameterizedTest
  @EnumSource(Layout.class)
  void metadataIsKept(Layout layout) throws IOException {
    SaeWeights weights = SaeWeights.allocateTied(device, 6, 18);
    fill(weights);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      SaeCheckpoint.save(folder.resolve("to"), sae, WriteOptions.DEFAULT.with(layout));
      try (SparseAutoencoder back = SaeCheckpoint.load(folder.resolve("to"), device)) {
        expectSame(sae, back);
        assertEquals(Optional.of("gpt2"), back.config().metadata().model());
      }
    }
  }

  /** Two matrices that hold the same can be one. */
  @Test
  void equalMatricesAreTied() throws IOException {
    SaeWeights weights = SaeWeights.allocate(device, 6, 18);
    fill(weights);
    weights.wDec().copyFrom(weights.wEnc());
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      WriteOptions options = WriteOptions.DEFAULT.with(Layout.SENTENCE_TRANSFORMERS);
      SaeCheckpoint.save(folder.resolve("to"), sae, options);
      try (SparseAutoencoder back = SaeCheckpoint.load(folder.resolve("to"), device)) {
        assertTrue(back.weights().tied());
        expectSame(sae, back);
      }
    }
    // One number makes the difference, and is named.
    SaeWeights other = SaeWeights.allocate(device, 6, 18);
    fill(other);
    other.wDec().copyFrom(other.wEnc());
    other.wDec().set(11, 2, 0.5f);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), other)) {
      WriteOptions options = WriteOptions.DEFAULT.with(Layout.SENTENCE_TRANSFORMERS);
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> SaeCheckpoint.save(folder.resolve("no"), sae, options))
              .getMessage();
      assertTrue(message.contains("latent 11: W_enc has "), message);
      assertTrue(message.contains(" where W_dec has 0.5;"), message);
    }
  }

  static Stream<Arguments> notInSaeLens() {
    return Stream.of(
        Arguments.of(new Ranked(Scope.ROW, 3, Order.MAGNITUDE, Relu.NONE)),
        Arguments.of(new Ranked(Scope.GROUP, 3, Order.VALUE, Relu.BEFORE)),
        Arguments.of(Ranked.topK(3, Relu.NONE)));
  }

  @ParameterizedTest
  @MethodSource("notInSaeLens")
  void whatSaeLensHasNoArchitectureForIsNamed(Activation activation) {
    try (SparseAutoencoder sae = made(SaeConfig.of(6, 18, activation))) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> SaeCheckpoint.save(folder.resolve("to"), sae))
              .getMessage();
      assertTrue(message.contains(activation.toString()), message);
    }
  }

  /** Every weight is rounded to nearest even, whatever the layout. */
  @ParameterizedTest
  @EnumSource(Layout.class)
  void narrowTypesAreRoundedToNearestEven(Layout layout) throws IOException {
    SaeWeights weights = SaeWeights.allocateTied(device, 6, 18);
    fill(weights);
    weights.wDec().set(0, 0, 0x1.008p0f); // halfway between two bfloat16: to the even one, 1
    weights.wDec().set(0, 1, 0x1.018p0f); // to 1 + 2^-6
    weights.wDec().set(0, 2, 0x1.002p0f); // halfway between two binary16: to 1
    weights.wDec().set(0, 3, 0x1.006p0f); // to 1 + 2^-9
    weights.wDec().set(0, 4, 1e-9f); // below the smallest binary16: 0
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      for (ElementType type : List.of(ElementType.BF16, ElementType.F16)) {
        Path to = folder.resolve(type.toString());
        SaeCheckpoint.save(to, sae, WriteOptions.DEFAULT.with(layout).with(type));
        try (LoadedSae back = SaeCheckpoint.read(to, device, ReadOptions.NONE)) {
          assertEquals(type, back.type());
          float[] read = back.sae().weights().wDec().toArray();
          float[] before = sae.weights().wDec().toArray();
          for (int i = 0; i < read.length; i++) {
            float expected =
                type == ElementType.F16
                    ? Float.float16ToFloat(Float.floatToFloat16(before[i]))
                    : nearestBfloat16(before[i]);
            assertEquals(expected, read[i]);
          }
          assertEquals(type == ElementType.BF16 ? 1f : 0x1.008p0f, read[0]);
          assertEquals(type == ElementType.BF16 ? 0x1.02p0f : 0x1.018p0f, read[1]);
          assertEquals(1f, read[2]);
          assertEquals(type == ElementType.BF16 ? 1f : 0x1.008p0f, read[3]);
        }
      }
    }
  }

  /** By trying both neighbours. */
  private static float nearestBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    float down = Float.intBitsToFloat(bits & 0xffff0000);
    float up = Float.intBitsToFloat((bits & 0xffff0000) + 0x10000);
    double below = Math.abs((double) value - down);
    double above = Math.abs((double) up - value);
    boolean even = (bits & 0x10000) == 0;
    return below < above || below == above && even ? down : up;
  }

  static Stream<Arguments> overflows() {
    List<Arguments> all = new ArrayList<>();
    for (Layout layout : Layout.values()) {
      boolean tied = layout == Layout.SENTENCE_TRANSFORMERS;
      String matrix =
          switch (layout) {
            case SAELENS -> "W_enc";
            case SPARSIFY -> "encoder.weight";
            case SENTENCE_TRANSFORMERS -> "decoder.linear.weight";
          };
      String bias =
          switch (layout) {
            case SAELENS -> "b_enc";
            case SPARSIFY -> "encoder.bias";
            case SENTENCE_TRANSFORMERS -> "latent_bias";
          };
      all.add(Arguments.of(layout, 0, matrix));
      all.add(Arguments.of(layout, 1, bias));
      all.add(Arguments.of(layout, 2, tied ? matrix : "W_dec"));
      all.add(Arguments.of(layout, 3, tied ? "pre_bias" : "b_dec"));
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("overflows")
  void aWeightThatDoesNotFitIsAnErrorThatNamesItsTensor(Layout layout, int which, String name)
      throws IOException {
    SaeWeights weights =
        layout == Layout.SENTENCE_TRANSFORMERS
            ? SaeWeights.allocateTied(device, 6, 18)
            : SaeWeights.allocate(device, 6, 18);
    fill(weights);
    List.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec())
        .get(which)
        .set(0, 1, 65520f); // halfway from the largest binary16 to what would follow it
    WriteOptions options = WriteOptions.DEFAULT.with(layout).with(ElementType.F16);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      Path to = folder.resolve("to");
      String message =
          assertThrows(IOException.class, () -> SaeCheckpoint.save(to, sae, options)).getMessage();
      assertEquals(name + " holds 65520.0, which does not fit F16", message);
      assertFalse(Files.exists(to));
      SaeCheckpoint.save(to, sae, WriteOptions.DEFAULT.with(layout).with(ElementType.BF16));
    }
  }

  @Test
  void theLargestNumbersFit() throws IOException {
    SaeWeights weights = SaeWeights.allocate(device, 6, 18);
    fill(weights);
    weights.wEnc().set(0, 0, Math.nextDown(65520f));
    weights.wEnc().set(0, 1, 0x1.fefffep127f); // the largest that rounds to a finite bfloat16
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      SaeCheckpoint.save(folder.resolve("b"), sae, WriteOptions.DEFAULT.with(ElementType.BF16));
    }
    SaeWeights more = SaeWeights.allocate(device, 6, 18);
    fill(more);
    more.wEnc().set(0, 1, 0x1.ffp127f);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), more)) {
      WriteOptions options = WriteOptions.DEFAULT.with(ElementType.BF16);
      String message =
          assertThrows(
                  IOException.class, () -> SaeCheckpoint.save(folder.resolve("c"), sae, options))
              .getMessage();
      assertTrue(message.startsWith("W_enc holds 3.39"), message);
    }
  }

  @Test
  void sparsityIsWrittenForSaeLensAlone() throws IOException {
    float[] sparsity = new float[18];
    Arrays.fill(sparsity, -3.5f);
    WriteOptions options = new WriteOptions(Layout.SAELENS, ElementType.F32, Optional.of(sparsity));
    try (SparseAutoencoder sae = made(topK())) {
      SaeCheckpoint.save(folder.resolve("to"), sae, options);
      try (TensorFile file =
          SafetensorsFile.open(folder.resolve("to").resolve("sparsity.safetensors"))) {
        TensorInfo tensor = file.tensor("sparsity");
        assertEquals(List.of(18L), tensor.shape());
        float[] read = new float[18];
        file.readFloats(tensor, 0, 18, MemorySegment.ofArray(read), 0);
        assertArrayEquals(sparsity, read);
      }
      SaeCheckpoint.load(folder.resolve("to"), device).close();
      for (WriteOptions wrong :
          List.of(
              options.with(Layout.SPARSIFY),
              new WriteOptions(Layout.SAELENS, ElementType.F32, Optional.of(new float[17])))) {
        String message =
            assertThrows(
                    IllegalArgumentException.class,
                    () -> SaeCheckpoint.save(folder.resolve("no"), sae, wrong))
                .getMessage();
        assertTrue(message.startsWith("sparsity: expected "), message);
      }
    }
  }

  @Test
  void theConfigurationsHaveTheKeysOfTheirLibraries() throws IOException {
    SaeWeights weights = SaeWeights.allocateTied(device, 6, 18);
    fill(weights);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, topK(), weights)) {
      SaeCheckpoint.save(folder.resolve("s"), sae, WriteOptions.DEFAULT.with(Layout.SPARSIFY));
      assertEquals(
          "{\"activation\":\"topk\",\"expansion_factor\":3,\"normalize_decoder\":false,"
              + "\"num_latents\":18,\"k\":3,\"multi_topk\":false,\"skip_connection\":false,"
              + "\"transcode\":false,\"d_in\":6}",
          Json.line(Json.readObject(folder.resolve("s/cfg.json"), 1 << 16)));
      SaeCheckpoint.save(
          folder.resolve("t"), sae, WriteOptions.DEFAULT.with(Layout.SENTENCE_TRANSFORMERS));
      assertEquals(
          "{\"input_dim\":6,\"hidden_dim\":18,\"k\":3,\"k_aux\":18,\"normalize\":false,"
              + "\"dead_threshold\":30}",
          Json.line(Json.readObject(folder.resolve("t/config.json"), 1 << 16)));
      SaeCheckpoint.save(folder.resolve("l"), sae, WriteOptions.DEFAULT.with(ElementType.BF16));
      assertEquals("bfloat16", Json.readObject(folder.resolve("l/cfg.json"), 1 << 16).get("dtype"));
    }
  }
}
