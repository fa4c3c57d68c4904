package io.github.sae4j.sae;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Order;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Ranked.Scope;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Activation.Threshold.Magnitude;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SparseAutoencoderTest {
  private static final int D = 7;
  private static final int N = 23;
  private static final int K = 5;

  private final Device device = new ScalarDevice();

  @Test
  void encodesAndDecodesAHandMadeCase() {
    SaeWeights weights = SaeWeights.allocate(device, 2, 3);
    fill(weights.wEnc(), 1, 0, 0, 1, -1, -1);
    fill(weights.bEnc(), 0, 0.5f, 0);
    fill(weights.wDec(), 2, 0, 0, 3, 1, 1);
    fill(weights.bDec(), 1, 1);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, SaeConfig.topK(2, 3, 2), weights)) {
      // x − b_dec = (2, −4): pre-activations 2, −3.5, 2.
      SparseCode code = sae.encode(new float[] {3, -3});
      assertArrayEquals(new int[] {0, 2}, code.indices());
      assertArrayEquals(new float[] {2, 2}, code.values());
      assertArrayEquals(new float[] {2, 0, 2}, code.toDense(3));
      assertArrayEquals(new float[] {7, 3}, sae.decode(code));
      assertArrayEquals(new float[] {7, 3}, sae.reconstruct(new float[] {3, -3}));
      float[] fewer = sae.decode(new SparseCode(new int[] {1}, new float[] {2}));
      assertArrayEquals(new float[] {1, 7}, fewer);
    }
  }

  @ParameterizedTest
  @EnumSource(InputNormalization.class)
  void rowsArraysAndMatricesGiveTheSameBits(InputNormalization normalization) {
    float[][] rows = rows(2100, 3);
    try (SparseAutoencoder sae = random(normalization, 4);
        OffHeap memory = device.openMemory()) {
      Matrix x = matrix(memory, rows);
      Matrix out = memory.matrix(rows.length, D);
      Matrix whole = memory.matrix(rows.length, D);
      SparseCodes codes = memory.codes(rows.length, K);
      sae.encode(x, codes);
      sae.decode(codes, x, out);
      sae.reconstruct(x, whole);
      SparseCode[] arrays = sae.encode(rows);
      float[][] reconstructed = sae.reconstruct(rows);
      for (int b = 0; b < rows.length; b++) {
        SparseCode one = sae.encode(rows[b]);
        for (int slot = 0; slot < K; slot++) {
          assertEquals(codes.index(b, slot), one.indices()[slot]);
          assertEquals(codes.value(b, slot), one.values()[slot]);
        }
        assertArrayEquals(one.indices(), arrays[b].indices());
        assertArrayEquals(one.values(), arrays[b].values());
        float[] row = new float[D];
        out.read(b, 1, row, 0);
        assertArrayEquals(row, sae.reconstruct(rows[b]));
        assertArrayEquals(row, reconstructed[b]);
        whole.read(b, 1, row, 0);
        assertArrayEquals(row, reconstructed[b]);
      }
      sae.reconstruct(x, x);
      assertArrayEquals(whole.toArray(), x.toArray());
    }
  }

  static Stream<Activation> activations() {
    Random random = new Random(12);
    float[] theta = new float[N];
    float[] gain = new float[N];
    float[] bias = new float[N];
    for (int i = 0; i < N; i++) {
      theta[i] = (float) random.nextGaussian();
      gain[i] = (float) Math.exp(random.nextGaussian());
      bias[i] = (float) random.nextGaussian();
    }
    return Stream.of(
        Ranked.topK(K, Relu.AFTER),
        Ranked.topK(K, Relu.BEFORE),
        Ranked.topK(K, Relu.NONE),
        new Ranked(Scope.ROW, K, Order.MAGNITUDE, Relu.NONE),
        new Ranked(Scope.GROUP, N, Order.VALUE, Relu.BEFORE),
        Threshold.RELU,
        Threshold.jumpRelu(0.5f),
        Threshold.jumpRelu(theta),
        Threshold.gated(new Magnitude(gain, bias)));
  }

  /** One row at a time, whole batches, arrays and segments; autoencoders and transcoders. */
  @ParameterizedTest
  @MethodSource("activations")
  void everyFormGivesTheSameBitsWithEveryActivation(Activation activation) throws Exception {
    for (Device each : List.of(device, Devices.open("cpu", DeviceOptions.DEFAULT))) {
      try (Device used = each) {
        SaeConfig plain = SaeConfig.of(D, N, activation);
        agree(used, plain, weights(used, plain, false));
        agree(used, plain, weights(used, plain, true));
        agree(used, plain, tied(used));
        SaeConfig transcoder =
            new SaeConfig(
                D, D + 2, N, activation, true, false, InputNormalization.NONE, SaeMetadata.NONE);
        agree(used, transcoder, weights(used, transcoder, false));
        agree(used, transcoder, weights(used, transcoder, true));
      }
    }
  }

  private void agree(Device used, SaeConfig config, SaeWeights weights) {
    float[][] rows = rows(33, 5);
    boolean skip = weights.wSkip() != null;
    try (SparseAutoencoder sae = new SparseAutoencoder(used, config, weights);
        OffHeap memory = used.openMemory()) {
      assertEquals(skip, sae.decodingNeedsRows());
      Matrix x = matrix(memory, rows);
      Matrix out = memory.matrix(rows.length, config.dOut());
      SparseCodes codes = memory.codes(rows.length, 0);
      sae.encode(x, codes);
      sae.decode(codes, x, out);
      float[] decoded = out.toArray();
      sae.reconstruct(x, out);
      assertArrayEquals(decoded, out.toArray());
      SparseCode[] arrays = sae.encode(rows);
      float[][] reconstructed = sae.reconstruct(rows);
      int[] indices = new int[config.mostLatents()];
      float[] values = new float[config.mostLatents()];
      MemorySegment row = memory.block(4L * D);
      MemorySegment latents = memory.block(4L * config.mostLatents());
      MemorySegment activations = MemorySegment.ofArray(new float[config.mostLatents()]);
      MemorySegment output = memory.block(4L * config.dOut());
      for (int b = 0; b < rows.length; b++) {
        SparseCode one = sae.encode(rows[b]);
        assertEquals(codes.length(b), one.length());
        assertArrayEquals(one.indices(), arrays[b].indices());
        assertArrayEquals(one.values(), arrays[b].values());
        int count = sae.encode(rows[b], indices, values);
        assertArrayEquals(one.indices(), Arrays.copyOf(indices, count));
        assertArrayEquals(one.values(), Arrays.copyOf(values, count));
        MemorySegment.copy(rows[b], 0, row, Matrix.FLOAT, 0, D);
        assertEquals(count, sae.encode(row, latents, activations));
        for (int slot = 0; slot < count; slot++) {
          assertEquals(codes.index(b, slot), one.indices()[slot]);
          assertEquals(codes.value(b, slot), one.values()[slot]);
          assertEquals(codes.index(b, slot), latents.get(SparseCodes.INT, 4L * slot));
          assertEquals(codes.value(b, slot), activations.get(Matrix.FLOAT, 4L * slot));
        }
        float[] expected = Arrays.copyOfRange(decoded, b * config.dOut(), (b + 1) * config.dOut());
        assertArrayEquals(expected, reconstructed[b]);
        assertArrayEquals(expected, sae.reconstruct(rows[b]));
        assertArrayEquals(expected, sae.decode(one, rows[b]));
        float[] beside = new float[config.dOut()];
        sae.decode(count, indices, values, rows[b], beside);
        assertArrayEquals(expected, beside);
        output.fill((byte) 0);
        sae.decode(count, latents, activations, row, output);
        assertArrayEquals(expected, output.toArray(Matrix.FLOAT));
        sae.reconstruct(row, output);
        assertArrayEquals(expected, output.toArray(Matrix.FLOAT));
        if (!skip) {
          assertArrayEquals(expected, sae.decode(one));
          float[] alone = new float[config.dOut()];
          sae.decode(count, indices, values, alone);
          assertArrayEquals(expected, alone);
          output.fill((byte) 0);
          sae.decode(count, latents, activations, output);
          assertArrayEquals(expected, output.toArray(Matrix.FLOAT));
        }
      }
      if (!skip) {
        sae.decode(codes, out);
        assertArrayEquals(decoded, out.toArray());
      } else {
        assertThrows(UnsupportedOperationException.class, () -> sae.decode(codes, out));
        assertThrows(UnsupportedOperationException.class, () -> sae.decode(arrays[0]));
        assertThrows(
            UnsupportedOperationException.class, () -> sae.decode(0, latents, activations, output));
      }
    }
  }

  /** x̂ = a W_dec + b_dec + x Sᵀ by hand. */
  @Test
  void aSkipConnectionAddsItsShareOfTheInput() {
    SaeWeights weights = SaeWeights.allocate(device, 2, 3, 2, true);
    fill(weights.wEnc(), 1, 0, 0, 1);
    fill(weights.wDec(), 1, 2, 3, 4, 5, 6);
    fill(weights.bDec(), 10, 20, 30);
    fill(weights.wSkip(), 100, 0, 0, 100, 100, 100);
    SaeConfig config =
        new SaeConfig(
            2, 3, 2, Threshold.RELU, true, false, InputNormalization.NONE, SaeMetadata.NONE);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, config, weights)) {
      float[] out = sae.reconstruct(new float[] {2, -3});
      assertArrayEquals(new float[] {2 + 10 + 200, 4 + 20 - 300, 6 + 30 - 100}, out);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"scalar", "cpu"})
  void directionsAreRowsOfTheWeightsHoweverTheyAreKept(String name) {
    try (Device used = Devices.open(name, DeviceOptions.DEFAULT)) {
      SaeConfig config = SaeConfig.topK(D, N, K);
      SaeWeights weights = weights(used, config, false);
      float[] wEnc = weights.wEnc().toArray();
      try (SparseAutoencoder sae = new SparseAutoencoder(used, config, weights)) {
        for (int i = 0; i < N; i++) {
          assertArrayEquals(Arrays.copyOfRange(wEnc, i * D, (i + 1) * D), sae.encoderDirection(i));
          float[] row = new float[D];
          weights.wDec().read(i, 1, row, 0);
          assertArrayEquals(row, sae.decoderDirection(i));
          sae.encoderDirection(i, row);
          assertArrayEquals(row, sae.encoderDirection(i));
        }
        float[] some = new float[5 * D];
        weights.readEncoder(3, 5, some, 0);
        assertArrayEquals(Arrays.copyOfRange(wEnc, 3 * D, 8 * D), some);
      }
    }
  }

  /** The packed panels of the vector device are its only copy of the encoder. */
  @Test
  void servingHoldsTheEncoderOnce() {
    try (Device used = Devices.open("cpu", DeviceOptions.DEFAULT)) {
      SaeConfig config = SaeConfig.topK(D, N, K);
      SaeWeights weights = weights(used, config, false);
      Matrix wEnc = weights.wEnc();
      try (SparseAutoencoder sae = new SparseAutoencoder(used, config, weights)) {
        sae.encode(rows(1, 1)[0]);
        assertThrows(IllegalStateException.class, () -> wEnc.get(0, 0));
        assertThrows(IllegalStateException.class, weights::wEnc);
      }
    }
  }

  @Test
  void normalisedRowsAreBroughtBack() {
    // Every latent may fire and W_dec undoes W_enc, so x̂ = x but for rounding.
    for (InputNormalization normalization : InputNormalization.values()) {
      SaeWeights weights = SaeWeights.allocate(device, 2, 4);
      fill(weights.wEnc(), 1, 0, -1, 0, 0, 1, 0, -1);
      fill(weights.wDec(), 1, 0, -1, 0, 0, 1, 0, -1);
      SaeConfig config = SaeConfig.topK(2, 4, 4).with(normalization);
      try (SparseAutoencoder sae = new SparseAutoencoder(device, config, weights)) {
        float[] x = {300, -20};
        assertArrayEquals(x, sae.reconstruct(x), 300 * 0x1p-16f, normalization.toString());
      }
    }
  }

  @Test
  void decodingNormalisedRowsWithoutTheirFactorsIsRefused() {
    try (SparseAutoencoder sae = random(InputNormalization.LAYER_NORM, 1)) {
      SparseCode code = sae.encode(rows(1, 2)[0]);
      String message =
          assertThrows(UnsupportedOperationException.class, () -> sae.decode(code)).getMessage();
      assertTrue(message.contains("LAYER_NORM"), message);
    }
  }

  @Test
  void wrongShapesAreNamed() {
    try (SparseAutoencoder sae = random(InputNormalization.NONE, 1);
        OffHeap memory = device.openMemory()) {
      expectMessage("x", () -> sae.encode(new float[D + 1]));
      expectMessage("x[1]", () -> sae.encode(new float[][] {new float[D], new float[D - 1]}));
      expectMessage("codes", () -> sae.encode(memory.matrix(2, D), memory.codes(3, K)));
      expectMessage("out", () -> sae.reconstruct(memory.matrix(2, D), memory.matrix(1, D)));
      expectMessage(
          "x", () -> sae.decode(memory.codes(2, K), memory.matrix(3, D), memory.matrix(2, D)));
      expectMessage("out", () -> sae.decode(memory.codes(2, K), memory.matrix(3, D)));
      expectMessage("indices", () -> sae.encode(new float[D], new int[K - 1], new float[K]));
      expectMessage("values", () -> sae.encode(new float[D], new int[K], new float[K - 1]));
      expectMessage("latent", () -> sae.decoderDirection(N));
      expectMessage("out", () -> sae.encoderDirection(1, new float[D + 1]));
      MemorySegment ints = MemorySegment.ofArray(new int[] {4, 4});
      MemorySegment floats = MemorySegment.ofArray(new float[D]);
      expectMessage("indices", () -> sae.decode(2, ints, floats, floats));
      expectMessage("indices", () -> sae.decode(3, ints, floats, floats));
      expectMessage("indices", () -> sae.decode(-1, ints, floats, floats));
      expectMessage("out", () -> sae.decode(1, ints, floats, ints));
      expectMessage(
          "indices", () -> sae.decode(new SparseCode(new int[] {3, 3}, new float[] {1, 1})));
      expectMessage("indices", () -> sae.decode(new SparseCode(new int[] {N}, new float[] {1})));
    }
  }

  @ParameterizedTest
  @EnumSource(InputNormalization.class)
  void aRowThatIsNotFiniteIsNamed(InputNormalization normalization) {
    float[][] rows = rows(2000, 9);
    rows[1500][3] = Float.NaN;
    try (SparseAutoencoder sae = random(normalization, 1);
        OffHeap memory = device.openMemory()) {
      NonFiniteException e = assertThrows(NonFiniteException.class, () -> sae.encode(rows));
      assertEquals(1500, e.row());
      assertTrue(Float.isNaN(e.value()));
      Matrix x = matrix(memory, rows);
      SparseCodes codes = memory.codes(rows.length, K);
      assertEquals(1500, assertThrows(NonFiniteException.class, () -> sae.encode(x, codes)).row());
    }
  }

  @Test
  void aClosedSaeSaysSo() {
    SparseAutoencoder sae = random(InputNormalization.CONSTANT_NORM, 1);
    float[] row = rows(1, 1)[0];
    sae.encode(row);
    sae.close();
    sae.close();
    String message = assertThrows(IllegalStateException.class, () -> sae.encode(row)).getMessage();
    assertEquals("this SAE is closed", message);
    assertThrows(IllegalStateException.class, () -> sae.reconstruct(new float[][] {row}));
    assertThrows(IllegalStateException.class, () -> sae.encode(new float[0][]));
  }

  @Test
  void closingFreesTheWeightsAndWhatTheDevicePrepared() {
    AtomicLong closed = new AtomicLong();
    InvocationHandler counting =
        (proxy, method, args) ->
            method.getName().equals("encoder")
                ? new Encoder() {
                  @Override
                  public void encode(Matrix x, SparseCodes out) {}

                  @Override
                  public void close() {
                    closed.incrementAndGet();
                  }
                }
                : method.invoke(device, args);
    Device watched =
        (Device)
            Proxy.newProxyInstance(
                SparseAutoencoderTest.class.getClassLoader(),
                new Class<?>[] {Device.class},
                counting);
    SparseAutoencoder sae = random(watched, InputNormalization.NONE, 1);
    Matrix wDec = sae.weights().wDec();
    wDec.get(0, 0);
    sae.close();
    assertEquals(1, closed.get());
    assertThrows(IllegalStateException.class, () -> wDec.get(0, 0));
  }

  @Test
  void encodingFromManyThreadsGivesTheBitsOfOne() throws Exception {
    float[][] rows = rows(64, 8);
    try (SparseAutoencoder sae = random(InputNormalization.LAYER_NORM, 2);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      float[][] expected = sae.reconstruct(rows);
      var done =
          IntStream.range(0, 4)
              .<Future<?>>mapToObj(
                  t ->
                      threads.submit(
                          () -> {
                            for (int i = 0; i < 200; i++) {
                              int b = (i + 16 * t) % rows.length;
                              assertArrayEquals(expected[b], sae.reconstruct(rows[b]));
                            }
                          }))
              .toList();
      for (Future<?> future : done) {
        future.get();
      }
    }
  }

  /** The sizes at which serving takes different paths. */
  @ParameterizedTest
  @CsvSource({
    "scalar, 1",
    "scalar, 4",
    "scalar, 32",
    "scalar, 200",
    "cpu, 1",
    "cpu, 4",
    "cpu, 32",
    "cpu, 200"
  })
  void closingWhileOthersEncodeEndsTheirCallsCleanly(String name, int count) throws Exception {
    float[][] rows = rows(count, 8);
    try (Device shared = Devices.open(name, DeviceOptions.DEFAULT)) {
      for (int round = 0; round < 10; round++) {
        SparseAutoencoder sae = random(shared, InputNormalization.NONE, 2);
        for (String message : closeWhileEncoding(sae, rows, sae)) {
          assertEquals("this SAE is closed", message);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"scalar, 1", "scalar, 32", "cpu, 1", "cpu, 4", "cpu, 32", "cpu, 200"})
  void closingTheDeviceWhileOthersEncodeEndsTheirCallsCleanly(String name, int count)
      throws Exception {
    float[][] rows = rows(count, 8);
    for (int round = 0; round < 10; round++) {
      Device own = Devices.open(name, DeviceOptions.DEFAULT);
      try (SparseAutoencoder sae = random(own, InputNormalization.NONE, 2)) {
        for (String message : closeWhileEncoding(sae, rows, own)) {
          assertTrue(message.contains("closed"), message);
        }
      }
    }
  }

  /** What the encoding threads are told. */
  private static List<String> closeWhileEncoding(
      SparseAutoencoder sae, float[][] rows, AutoCloseable what) throws Exception {
    AtomicLong calls = new AtomicLong();
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      var done =
          IntStream.range(0, 3)
              .mapToObj(
                  t ->
                      threads.submit(
                          () -> {
                            while (true) {
                              try {
                                if (rows.length == 1) {
                                  sae.encode(rows[0]);
                                } else {
                                  sae.encode(rows);
                                }
                                calls.incrementAndGet();
                              } catch (IllegalStateException e) {
                                return e;
                              }
                            }
                          }))
              .toList();
      // One that has ended already has failed, and get() below says how.
      while (calls.get() < 5 && done.stream().noneMatch(Future::isDone)) {
        Thread.onSpinWait();
      }
      what.close();
      List<String> messages = new ArrayList<>();
      for (Future<IllegalStateException> future : done) {
        messages.add(future.get(1, TimeUnit.MINUTES).getMessage());
      }
      return messages;
    }
  }

  private SparseAutoencoder random(InputNormalization normalization, long seed) {
    return random(device, normalization, seed);
  }

  private static SparseAutoencoder random(
      Device device, InputNormalization normalization, long seed) {
    Random random = new Random(seed);
    SaeWeights weights = SaeWeights.allocate(device, D, N);
    for (Matrix m : new Matrix[] {weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec()}) {
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextGaussian());
        }
      }
    }
    return new SparseAutoencoder(device, SaeConfig.topK(D, N, K).with(normalization), weights);
  }

  private static SaeWeights weights(Device used, SaeConfig config, boolean skip) {
    SaeWeights weights =
        SaeWeights.allocate(used, config.dIn(), config.dOut(), config.dSae(), skip);
    Random random = new Random(77);
    Stream.of(weights.wEnc(), weights.bEnc(), weights.wDec(), weights.bDec(), weights.wSkip())
        .filter(Objects::nonNull)
        .forEach(matrix -> gaussian(matrix, random));
    return weights;
  }

  private static SaeWeights tied(Device used) {
    SaeWeights weights = SaeWeights.allocateTied(used, D, N);
    Random random = new Random(78);
    Stream.of(weights.wEnc(), weights.bEnc(), weights.bDec())
        .forEach(matrix -> gaussian(matrix, random));
    return weights;
  }

  private static void gaussian(Matrix m, Random random) {
    for (int r = 0; r < m.rows(); r++) {
      for (int c = 0; c < m.cols(); c++) {
        m.set(r, c, (float) random.nextGaussian());
      }
    }
  }

  private static float[][] rows(int count, long seed) {
    Random random = new Random(seed);
    float[][] rows = new float[count][D];
    for (float[] row : rows) {
      for (int j = 0; j < D; j++) {
        row[j] = (float) (3 * random.nextGaussian() + 1);
      }
    }
    return rows;
  }

  private static Matrix matrix(OffHeap memory, float[][] rows) {
    Matrix x = memory.matrix(rows.length, rows[0].length);
    for (int b = 0; b < rows.length; b++) {
      x.write(b, 1, rows[b], 0);
    }
    return x;
  }

  private static void fill(Matrix m, float... values) {
    m.write(0, m.rows(), values, 0);
  }

  private static void expectMessage(String start, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.startsWith(start + ":"), message);
  }
}
