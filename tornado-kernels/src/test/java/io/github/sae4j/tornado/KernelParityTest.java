package io.github.sae4j.tornado;

import static io.github.sae4j.tornado.Bits.assertSame;
import static io.github.sae4j.tornado.Bits.codes;
import static io.github.sae4j.tornado.Bits.copy;
import static io.github.sae4j.tornado.Bits.ragged;
import static io.github.sae4j.tornado.Bits.random;
import static io.github.sae4j.tornado.Bits.tied;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Adam;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.Guarantee;
import io.github.sae4j.tornado.runtime.Accelerator;
import io.github.sae4j.tornado.runtime.Schedule;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every kernel returns the oracle's bits, at shapes that fit no tile. */
@ExtendWith(Oclgrind.class)
class KernelParityTest {
  private static final Device ORACLE = new ScalarDevice();
  private static Device tornado;

  /** The same device, its work cut in the way that others like it. */
  private static Device cutOtherwise;

  private OffHeap memory;
  private SplittableRandom random;

  @BeforeAll
  static void open() {
    tornado = Devices.open("tornado", DeviceOptions.DEFAULT);
    Accelerator accelerator = Accelerator.all().getFirst();
    cutOtherwise =
        new TornadoDevice(
            accelerator.with(
                accelerator.schedule() == Schedule.SHARED ? Schedule.APART : Schedule.SHARED));
  }

  @AfterAll
  static void close() {
    tornado.close();
    cutOtherwise.close();
  }

  @BeforeEach
  void allocate() {
    memory = new OffHeap();
    random = new SplittableRandom(20261123);
  }

  @AfterEach
  void free() {
    memory.close();
  }

  @Test
  void theDeviceUnderTestPromisesExactness() {
    assertEquals(Guarantee.EXACT, tornado.guarantee(), tornado.description());
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "65,33,130"})
  void product(int m, int inner, int q) {
    for (int transposes = 0; transposes < 4; transposes++) {
      boolean transposeA = (transposes & 1) == 1;
      boolean transposeB = (transposes & 2) == 2;
      Matrix a = transposeA ? random(memory, random, inner, m) : random(memory, random, m, inner);
      Matrix b = transposeB ? random(memory, random, q, inner) : random(memory, random, inner, q);
      Matrix expected = memory.matrix(m, q);
      Matrix got = memory.matrix(m, q);
      ORACLE.product(a, transposeA, b, transposeB, expected);
      for (Device device : List.of(tornado, cutOtherwise)) {
        got.fill(Float.NaN);
        device.product(a, transposeA, b, transposeB, got);
        assertSame("product " + transposeA + " " + transposeB, expected, got);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "65,33,129,7", "5,3,1000,513"})
  void encode(int most, int d, int n, int k) {
    int rows = Oclgrind.few(most);
    for (Relu relu : Relu.values()) {
      boolean centered = relu == Relu.BEFORE;
      Matrix scale = centered ? null : random(memory, random, 1, n);
      Matrix bDec = centered ? random(memory, random, 1, d) : null;
      EncoderWeights encoder =
          new EncoderWeights(
              random(memory, random, n, d), random(memory, random, 1, n), bDec, scale);
      Matrix x = random(memory, random, rows, d);
      SparseCodes expected = memory.codes(rows, k);
      ORACLE.encode(encoder, x, Ranked.topK(k, relu), expected);
      for (Device device : List.of(tornado, cutOtherwise)) {
        SparseCodes got = memory.codes(rows, k);
        device.encode(encoder, x, Ranked.topK(k, relu), got);
        assertSame("encode " + relu, expected, got);
      }
    }
  }

  /** What the device has no kernel for is composed of its product and the host's loop. */
  @Test
  @Tag("composed")
  void encodeWithOtherActivations() {
    int rows = 9;
    int n = 60;
    int d = 11;
    EncoderWeights weights =
        new EncoderWeights(
            random(memory, random, n, d),
            random(memory, random, 1, n),
            random(memory, random, 1, d),
            null);
    Matrix x = random(memory, random, rows, d);
    Matrix products = random(memory, random, rows, n);
    for (Activation activation :
        new Activation[] {
          Threshold.RELU,
          new Ranked(Ranked.Scope.BATCH, 2.5, Ranked.Order.VALUE, Relu.BEFORE),
          new Ranked(Ranked.Scope.ROW, 4, Ranked.Order.MAGNITUDE, Relu.NONE),
        }) {
      SparseCodes expected = memory.codes(rows, 1);
      SparseCodes got = memory.codes(rows, 1);
      ORACLE.encode(weights, x, activation, expected);
      tornado.encode(weights, x, activation, got);
      assertSame("encode " + activation, expected, got);
      try (Encoder encoder = tornado.encoder(weights, activation)) {
        SparseCodes prepared = memory.codes(rows, 1);
        encoder.encode(x, prepared);
        assertSame("encoder " + activation, expected, prepared);
      }
      ORACLE.activate(products, weights.bEnc(), activation, null, expected);
      tornado.activate(products, weights.bEnc(), activation, null, got);
      assertSame("activate " + activation, expected, got);
    }
  }

  /** What a larger call left in the arrays of their common kernel must not be seen. */
  @Test
  @Tag("lifecycle")
  void callsThatShareAKernelShareNoNumbers() {
    int rows = 7;
    int d = 5;
    for (int n : new int[] {48, 33, 40}) {
      int k = n - 32;
      EncoderWeights weights =
          new EncoderWeights(
              random(memory, random, n, d), random(memory, random, 1, n), null, null);
      Matrix x = random(memory, random, rows, d);
      SparseCodes expected = memory.codes(rows, k);
      SparseCodes got = memory.codes(rows, k);
      for (Device device : List.of(tornado, cutOtherwise)) {
        ORACLE.encode(weights, x, Ranked.topK(k, Relu.NONE), expected);
        device.encode(weights, x, Ranked.topK(k, Relu.NONE), got);
        assertSame("encode of " + n, expected, got);
      }
      codeKernels(expected, n, d);
    }
  }

  @Test
  void aPreparedEncoderKeepsItsWeights() {
    int n = 90;
    int d = 21;
    Matrix wEnc = random(memory, random, n, d);
    EncoderWeights weights =
        new EncoderWeights(wEnc, random(memory, random, 1, n), random(memory, random, 1, d), null);
    Matrix x = random(memory, random, 17, d);
    SparseCodes expected = memory.codes(17, 6);
    Ranked topK = Ranked.topK(6, Relu.AFTER);
    ORACLE.encode(weights, x, topK, expected);
    try (Encoder encoder = tornado.encoder(weights, topK)) {
      wEnc.fill(0f);
      // Fewer rows, more, and fewer than it is compiled for by then.
      for (int rows : new int[] {3, 17, 1}) {
        SparseCodes got = memory.codes(rows, 6);
        encoder.encode(x.firstRows(rows), got);
        assertSame("encoder", expected.firstRows(rows), got);
      }
      x.set(2, 5, Float.NaN);
      NonFiniteException thrown =
          assertThrows(NonFiniteException.class, () -> encoder.encode(x, memory.codes(17, 6)));
      assertEquals(2, thrown.row());
    }
    Encoder encoder = tornado.encoder(weights, topK);
    encoder.close();
    assertThrows(IllegalStateException.class, () -> encoder.encode(x, memory.codes(17, 6)));
  }

  @ParameterizedTest
  @CsvSource({"4,127,126", "9,129,64", "3,1025,1025", "2,2100,300"})
  void topKOfTiedValues(int most, int n, int k) {
    int rows = Oclgrind.few(most);
    for (Relu relu : Relu.values()) {
      Matrix bias = relu == Relu.AFTER ? random(memory, random, 1, n) : null;
      for (Matrix values :
          new Matrix[] {tied(memory, random, rows, n), random(memory, random, rows, n)}) {
        SparseCodes expected = memory.codes(rows, k);
        SparseCodes got = memory.codes(rows, k);
        ORACLE.activate(values, bias, Ranked.topK(k, relu), null, expected);
        tornado.activate(values, bias, Ranked.topK(k, relu), null, got);
        assertSame("activate " + relu, expected, got);
      }
    }
  }

  @Test
  void theExtremesOfTheFloatsAreSelectedInOrder() {
    float[] row = {
      Float.MIN_VALUE,
      -Float.MIN_VALUE,
      Float.MAX_VALUE,
      -Float.MAX_VALUE,
      0f,
      -0f,
      2 * Float.MIN_VALUE,
      3 * Float.MIN_VALUE,
      Float.MIN_NORMAL,
      1f,
      Math.nextUp(1f),
      -1f
    };
    Matrix values = memory.matrix(1, row.length);
    values.write(0, 1, row, 0);
    for (int k : new int[] {4, 6, 8}) {
      SparseCodes expected = memory.codes(1, k);
      SparseCodes got = memory.codes(1, k);
      ORACLE.activate(values, null, Ranked.topK(k, Relu.NONE), null, expected);
      tornado.activate(values, null, Ranked.topK(k, Relu.NONE), null, got);
      assertSame("k " + k, expected, got);
    }
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity", "-Infinity"})
  void whatIsNotFiniteIsFound(float value) {
    Matrix values = random(memory, random, 5, 200);
    values.set(2, 150, value);
    values.set(2, 190, value);
    values.set(4, 3, value);
    SparseCodes codes = memory.codes(5, 8);
    Ranked topK = Ranked.topK(8, Relu.BEFORE);
    NonFiniteException expected =
        assertThrows(
            NonFiniteException.class, () -> ORACLE.activate(values, null, topK, null, codes));
    NonFiniteException got =
        assertThrows(
            NonFiniteException.class, () -> tornado.activate(values, null, topK, null, codes));
    assertEquals(expected.getMessage(), got.getMessage());
  }

  @Test
  void aRankThatOverflowsIsFound() {
    Matrix values = random(memory, random, 1, 9);
    Matrix scale = random(memory, random, 1, 9);
    values.set(0, 4, 1e30f);
    scale.set(0, 4, 1e30f);
    SparseCodes codes = memory.codes(1, 2);
    NonFiniteException got =
        assertThrows(
            NonFiniteException.class,
            () -> tornado.activate(values, null, Ranked.topK(2, Relu.NONE), scale, codes));
    assertEquals(4, got.latent());
    assertEquals(Float.POSITIVE_INFINITY, got.value());
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "33,17,129,100", "300,4,20,16", "9,5,6,300"})
  void codeKernels(int rows, int k, int n, int d) {
    codeKernels(ragged(memory, random, rows, k, n), n, d);
    if (!Oclgrind.ON) {
      // Rows of equal length run the same kernels.
      codeKernels(codes(memory, random, rows, k, n), n, d);
    }
  }

  private void codeKernels(SparseCodes codes, int n, int d) {
    int rows = codes.rows();
    Matrix wDec = random(memory, random, n, d);
    Matrix bDec = random(memory, random, 1, d);
    Matrix g = random(memory, random, rows, d);
    for (Matrix bias : new Matrix[] {null, bDec}) {
      same("decode", rows, d, (device, out) -> device.decode(codes, wDec, bias, out));
    }
    for (boolean gated : new boolean[] {false, true}) {
      same(
          "codeGradients",
          1,
          codes.size() + 3,
          (device, out) -> device.codeGradients(g, wDec, codes, gated, out));
    }
    Matrix coefficients = random(memory, random, 1, codes.size() + 3);
    for (Matrix c : new Matrix[] {null, coefficients}) {
      same(
          "accumulateByLatent", n, d, (device, out) -> device.accumulateByLatent(codes, c, g, out));
    }
    same("sumByLatent", 1, n, (device, out) -> device.sumByLatent(codes, coefficients, out));
    if (rows > Schedule.APART.codeGroups()) {
      Matrix sums = memory.vector(n);
      Matrix others = memory.vector(n);
      ORACLE.sumByLatent(codes, coefficients, sums);
      cutOtherwise.sumByLatent(codes, coefficients, others);
      assertSame("sumByLatent, cut otherwise", sums, others);
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "19,17", "600,35", "5,200"})
  void rowAndColumnKernels(int rows, int d) {
    Matrix a = random(memory, random, rows, d);
    Matrix b = random(memory, random, rows, d);
    Matrix row = random(memory, random, 1, d);
    same("rowDots", 1, rows, (device, out) -> device.rowDots(a, b, out));
    same("rowNorms", 1, rows, (device, out) -> device.rowNorms(a, out));
    same("rowSquaredDistances", 1, rows, (device, out) -> device.rowSquaredDistances(a, row, out));
    same("columnSums", 1, d, (device, out) -> device.columnSums(a, out));
    same("columnMeans", 1, d, (device, out) -> device.columnMeans(a, out));
    same("subtractRow", rows, d, (device, out) -> device.subtractRow(a, row, out));
    same("subtract", rows, d, (device, out) -> device.subtract(a, b, out));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "19,35", "5,200"})
  void updatingKernels(int rows, int d) {
    Matrix a = random(memory, random, rows, d);
    Matrix w = random(memory, random, rows, d);
    w.rows(0, 1).fill(0f);
    Matrix factors = random(memory, random, 1, rows);
    Matrix shifts = random(memory, random, 1, rows);
    updates("add", a, (device, target) -> device.add(target, w));
    updates("scale", a, (device, target) -> device.scale(target, 0.3f));
    updates("scaleRows", a, (device, target) -> device.scaleRows(target, factors, null));
    updates("scaleRows", a, (device, target) -> device.scaleRows(target, factors, shifts));
    for (float epsilon : new float[] {0f, 1.1920929e-7f}) {
      updates("normalizeRows", w, (device, target) -> device.normalizeRows(target, epsilon));
    }
    updates("projectRows", a, (device, target) -> device.projectRows(target, w, 1e-7f));
    updates("projectRows", a, (device, target) -> device.projectRows(target, w, 0f));
  }

  @ParameterizedTest
  @CsvSource({"7,33,true", "20,50,false"})
  void adam(int rows, int d, boolean clipped) {
    Matrix[] expected = new Matrix[3];
    Matrix[] got = new Matrix[3];
    for (int i = 0; i < 3; i++) {
      expected[i] = random(memory, random, rows, d);
      if (i == 2) {
        for (int r = 0; r < rows; r++) {
          for (int c = 0; c < d; c++) {
            expected[i].set(r, c, Math.abs(expected[i].get(r, c)));
          }
        }
      }
      got[i] = copy(memory, expected[i]);
    }
    for (int t = 1; t <= 5; t++) {
      Matrix gradient = random(memory, random, rows, d);
      Adam constants = Adam.of(0.9, 0.999, 1e-8, 3e-4, t);
      Adam adam = clipped ? constants.clippedBy(0.7f) : constants;
      ORACLE.adam(expected[0], gradient, expected[1], expected[2], adam);
      tornado.adam(got[0], gradient, got[1], got[2], adam);
      for (int i = 0; i < 3; i++) {
        assertSame("adam", expected[i], got[i]);
      }
    }
  }

  @Test
  void momentsThatTurnDenormalBecomeZero() {
    Matrix w = memory.vector(3);
    Matrix g = memory.vector(3);
    Matrix m = memory.vector(3);
    Matrix v = memory.vector(3);
    m.fill(Float.MIN_NORMAL);
    v.fill(Float.MIN_NORMAL);
    tornado.adam(w, g, m, v, Adam.of(0.9, 0.999, 1e-8, 3e-4, 700));
    assertSame("m", memory.vector(3), m);
    assertSame("v", memory.vector(3), v);
  }

  @Test
  void emptyBatchesAreLegal() {
    Matrix none = memory.matrix(0, 4);
    tornado.subtract(none, none, none);
    tornado.product(none, false, memory.matrix(4, 3), false, memory.matrix(0, 3));
    Matrix sums = random(memory, random, 1, 4);
    tornado.columnSums(none, sums);
    assertSame("columnSums", memory.vector(4), sums);
  }

  @Test
  void wrongShapesAreNamed() {
    Matrix a = memory.matrix(3, 4);
    IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, () -> tornado.rowDots(a, a, memory.vector(2)));
    assertTrue(thrown.getMessage().startsWith("out: expected shape [1, 3]"), thrown.getMessage());
  }

  @Test
  void codesOutsideTheLatentsAreRefused() {
    SparseCodes codes = memory.codes(1, 1);
    codes.equalRows(1);
    codes.set(0, 0, 9, 1f);
    assertThrows(
        IllegalArgumentException.class,
        () -> tornado.decode(codes, memory.matrix(9, 2), null, memory.matrix(1, 2)));
  }

  @Test
  @Tag("lifecycle")
  void twoDevicesOnOneAcceleratorMayWorkAtTheSameTime() throws Exception {
    Matrix a = random(memory, random, 9, 33);
    Matrix b = random(memory, random, 9, 33);
    Matrix expected = memory.vector(9);
    ORACLE.rowDots(a, b, expected);
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Callable<Matrix>> work =
          Collections.nCopies(
              2,
              () -> {
                Matrix out = null;
                for (int i = 0; i < 6; i++) {
                  // Opening compiles, closing resets what the other one runs on.
                  try (Device device = Devices.open("tornado:0", DeviceOptions.DEFAULT)) {
                    out = memory.vector(9);
                    device.rowDots(a, b, out);
                  }
                }
                return out;
              });
      for (Future<Matrix> done : threads.invokeAll(work)) {
        assertSame("rowDots", expected, done.get());
      }
    }
  }

  @Test
  @Tag("lifecycle")
  void useAfterCloseIsRefused() {
    Device device = Devices.open("tornado:0", DeviceOptions.DEFAULT);
    Matrix a = memory.vector(4);
    device.add(a, a);
    device.close();
    device.close();
    assertThrows(IllegalStateException.class, () -> device.add(a, a));
    assertThrows(IllegalStateException.class, device::openMemory);
  }

  private void same(String what, int rows, int cols, BiConsumer<Device, Matrix> kernel) {
    Matrix expected = random(memory, random, rows, cols);
    Matrix got = copy(memory, expected);
    kernel.accept(ORACLE, expected);
    kernel.accept(tornado, got);
    assertSame(what, expected, got);
  }

  private void updates(String what, Matrix start, BiConsumer<Device, Matrix> kernel) {
    Matrix expected = copy(memory, start);
    Matrix got = copy(memory, start);
    kernel.accept(ORACLE, expected);
    kernel.accept(tornado, got);
    assertSame(what, expected, got);
  }
}
