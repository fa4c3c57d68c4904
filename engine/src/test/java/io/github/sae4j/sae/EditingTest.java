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
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The error term, and latents edited with the error term kept. */
class EditingTest {
  private static final int D = 7;
  private static final int N = 23;

  @Test
  void aHandMadeCase() {
    Device device = new ScalarDevice();
    SaeWeights weights = SaeWeights.allocate(device, 2, 3);
    weights.wEnc().write(0, 3, new float[] {1, 0, 0, 1, -1, -1}, 0);
    weights.bEnc().write(0, 1, new float[] {0, 0.5f, 0}, 0);
    weights.wDec().write(0, 3, new float[] {2, 0, 0, 3, 1, 1}, 0);
    weights.bDec().write(0, 1, new float[] {1, 1}, 0);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, SaeConfig.topK(2, 3, 2), weights)) {
      // The code of (3, −3) is {0: 2, 2: 2}, its reconstruction (7, 3): the error is (−4, −6).
      float[] x = {3, -3};
      assertArrayEquals(new float[] {-4, -6}, sae.error(x));
      // Latent 0 from 2 to 5: 3·(2, 0) more. Latent 1 from 0 to 1: (0, 3). Latent 2 off: −2·(1, 1).
      LatentEdits edits = LatentEdits.NONE.set(0, 5).add(1, 1).ablate(2);
      assertArrayEquals(new float[] {3 + 6 - 2, -3 + 3 - 2}, sae.edit(x, edits));
      SparseCode edited = edits.apply(sae.encode(x));
      assertEquals(new SparseCode(new int[] {0, 1}, new float[] {5, 1}), edited);
      // Decoded alone, the error is what is missing.
      assertArrayEquals(new float[] {11, 4}, sae.decode(edited));
      assertArrayEquals(new float[] {3 - 2, -3}, sae.edit(x, LatentEdits.NONE.scale(0, 0.5f)));
    }
  }

  static Stream<Arguments> kinds() {
    Activation topK = Ranked.topK(5, Relu.AFTER);
    return Stream.of(
        Arguments.of(SaeConfig.of(D, N, topK), false),
        Arguments.of(SaeConfig.of(D, N, topK).with(InputNormalization.LAYER_NORM), false),
        Arguments.of(SaeConfig.of(D, N, topK).with(InputNormalization.CONSTANT_NORM), false),
        Arguments.of(SaeConfig.of(D, N, Threshold.jumpRelu(0.5f)), false),
        Arguments.of(SaeConfig.of(D, N, Ranked.topK(5, Relu.NONE)), false),
        Arguments.of(transcoder(InputNormalization.NONE), false),
        Arguments.of(transcoder(InputNormalization.NONE), true),
        Arguments.of(transcoder(InputNormalization.LAYER_NORM), false));
  }

  private static SaeConfig transcoder(InputNormalization normalization) {
    return new SaeConfig(D, D + 2, N, Threshold.RELU, true, false, normalization, SaeMetadata.NONE);
  }

  private static SparseAutoencoder random(Device device, SaeConfig config, boolean skip) {
    SaeWeights weights =
        SaeWeights.allocate(device, config.dIn(), config.dOut(), config.dSae(), skip);
    Random random = new Random(5);
    fill(weights.wEnc(), random);
    fill(weights.bEnc(), random);
    fill(weights.wDec(), random);
    fill(weights.bDec(), random);
    if (skip) {
      fill(weights.wSkip(), random);
    }
    return new SparseAutoencoder(device, config, weights);
  }

  private static float[][] fill(Matrix m, Random random) {
    float[][] rows = new float[m.rows()][m.cols()];
    for (int r = 0; r < m.rows(); r++) {
      for (int c = 0; c < m.cols(); c++) {
        rows[r][c] = (float) random.nextGaussian() + 0.3f;
      }
      m.write(r, 1, rows[r], 0);
    }
    return rows;
  }

  /** decode(edited a) + (target − decode(a)), in double from the SAE's own decoding. */
  @ParameterizedTest
  @MethodSource("kinds")
  void everyFormKeepsTheErrorTerm(SaeConfig config, boolean skip) {
    LatentEdits edits =
        LatentEdits.NONE.set(3, 2.5f).scale(4, -2f).scale(9, 3f).add(11, 1.5f).ablate(0).ablate(22);
    for (String name : List.of("scalar", "cpu")) {
      try (Device device = Devices.open(name, DeviceOptions.DEFAULT);
          SparseAutoencoder sae = random(device, config, skip);
          OffHeap memory = device.openMemory()) {
        int count = 2100; // more than a chunk
        Random random = new Random(6);
        Matrix x = memory.matrix(count, D);
        float[][] rows = fill(x, random);
        Matrix target = config.transcoder() ? memory.matrix(count, config.dOut()) : x;
        float[][] targets = config.transcoder() ? fill(target, random) : rows;
        Matrix error = memory.matrix(count, config.dOut());
        sae.error(x, target, error);
        Matrix out = memory.matrix(count, config.dOut());
        sae.edit(x, target, edits, out);
        float[] one = new float[config.dOut()];
        float[] alone = new float[config.dOut()];
        MemorySegment from = memory.block(4L * D);
        MemorySegment to = memory.block(4L * config.dOut());
        MemorySegment segment = memory.block(4L * config.dOut());
        for (int b = 0; b < count; b++) {
          SparseCode code = sae.encode(rows[b]);
          float[] before = sae.decode(code, rows[b]);
          float[] after = sae.decode(edits.apply(code), rows[b]);
          error.read(b, 1, one, 0);
          for (int j = 0; j < one.length; j++) {
            assertEquals(targets[b][j] - before[j], one[j]);
          }
          sae.error(rows[b], targets[b], alone);
          assertArrayEquals(one, alone);
          MemorySegment.copy(rows[b], 0, from, Matrix.FLOAT, 0, D);
          MemorySegment.copy(targets[b], 0, to, Matrix.FLOAT, 0, one.length);
          sae.error(from, to, segment);
          assertArrayEquals(one, segment.toArray(Matrix.FLOAT));
          out.read(b, 1, one, 0);
          for (int j = 0; j < one.length; j++) {
            double expected = (double) after[j] + ((double) targets[b][j] - before[j]);
            // Some twenty roundings of sums below 100.
            assertEquals(expected, one[j], 1e-4, "row " + b);
          }
          sae.edit(rows[b], targets[b], edits, alone);
          assertArrayEquals(one, alone);
          sae.edit(from, to, edits, segment);
          assertArrayEquals(one, segment.toArray(Matrix.FLOAT));
          if (!config.transcoder()) {
            assertArrayEquals(one, sae.edit(rows[b], edits));
          }
        }
        if (!config.transcoder()) {
          float[][] edited = sae.edit(rows, edits);
          float[][] errors = sae.error(rows);
          for (int b = 0; b < count; b++) {
            out.read(b, 1, one, 0);
            assertArrayEquals(one, edited[b]);
            error.read(b, 1, one, 0);
            assertArrayEquals(one, errors[b]);
          }
        }
        float[] apart = out.toArray();
        sae.edit(x, target, edits, target);
        assertArrayEquals(apart, target.toArray());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void whatNoEditTouchesStaysAsItWas(SaeConfig config, boolean skip) {
    try (Device device = new ScalarDevice();
        SparseAutoencoder sae = random(device, config, skip)) {
      Random random = new Random(8);
      float[] x = new float[D];
      float[] y = new float[config.dOut()];
      for (int j = 0; j < D; j++) {
        x[j] = (float) random.nextGaussian();
      }
      for (int j = 0; j < y.length; j++) {
        y[j] = config.transcoder() ? (float) random.nextGaussian() : x[j];
      }
      float[] out = new float[y.length];
      sae.edit(x, y, LatentEdits.NONE, out);
      assertArrayEquals(y, out);
      SparseCode code = sae.encode(x);
      LatentEdits same = LatentEdits.NONE.scale(code.indices()[0], 1f);
      for (int i = 0; i < N; i++) {
        if (Arrays.binarySearch(code.indices(), i) < 0) {
          same = same.ablate(i);
        }
      }
      sae.edit(x, y, same, out);
      assertArrayEquals(y, out);
      assertEquals(code, same.apply(code));
    }
  }

  @Test
  void wrongEditsAreNamed() {
    try (Device device = new ScalarDevice();
        SparseAutoencoder sae = random(device, SaeConfig.topK(D, N, 3), false);
        SparseAutoencoder transcoder = random(device, transcoder(InputNormalization.NONE), true)) {
      float[] x = new float[D];
      expectMessage("edits: expected latents in [0, 23), got 23", () -> sae.edit(x, last(N)));
      expectMessage("x: expected 7 numbers, got 6", () -> sae.edit(new float[6], last(1)));
      expectMessage(
          "target: expected 7 numbers, got 8",
          () -> sae.edit(x, new float[8], last(1), new float[7]));
      expectMessage("latent: expected at least 0, got -1", () -> last(-1));
      expectMessage(
          "latent: expected one edit for each, got a second one for 4",
          () -> LatentEdits.NONE.ablate(4).scale(4, 2));
      expectMessage(
          "factor: expected a finite number, got NaN", () -> LatentEdits.NONE.scale(4, Float.NaN));
      expectMessage(
          "value: expected a finite number, got Infinity",
          () -> LatentEdits.NONE.set(4, Float.POSITIVE_INFINITY));
      expectMessage(
          "target: expected the rows that a transcoder's output stands for, got none",
          () -> transcoder.edit(x, last(1)));
      expectMessage(
          "target: expected the rows that a transcoder's output stands for, got none",
          () -> transcoder.error(new float[][] {x}));
    }
  }

  @Test
  void editsAreValues() {
    LatentEdits edits = LatentEdits.NONE.set(17, 4).scale(93, 0.5f).add(5, -1);
    assertEquals("LatentEdits{5: a + -1.0, 17: 4.0, 93: 0.5 * a}", edits.toString());
    assertArrayEquals(new int[] {5, 17, 93}, edits.latents());
    assertEquals(3, edits.size());
    assertEquals(edits, LatentEdits.NONE.add(5, -1).scale(93, 0.5f).set(17, 4));
    assertTrue(LatentEdits.NONE.set(1, 2).hashCode() != LatentEdits.NONE.add(1, 2).hashCode());
    assertEquals(0, LatentEdits.NONE.size());
  }

  private static LatentEdits last(int latent) {
    return LatentEdits.NONE.ablate(latent);
  }

  private static void expectMessage(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
