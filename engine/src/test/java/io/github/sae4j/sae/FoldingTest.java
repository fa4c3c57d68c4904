package io.github.sae4j.sae;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FoldingTest {
  private final Device device = new ScalarDevice();

  @Test
  void nothingToFoldChangesNoBit() {
    try (SaeWeights weights = random(5, 9, 1)) {
      float[] before = weights.wEnc().toArray();
      float[] decoder = weights.wDec().toArray();
      Folding.of(weights.wDec(), 1f, false).apply(weights);
      assertArrayEquals(before, weights.wEnc().toArray());
      assertArrayEquals(decoder, weights.wDec().toArray());
    }
  }

  @Test
  void aHandMadeFolding() {
    SaeWeights weights = SaeWeights.allocate(device, 2, 2);
    try (weights) {
      weights.wEnc().write(0, 2, new float[] {1, 2, 3, 4}, 0);
      weights.bEnc().write(0, 1, new float[] {1, -1}, 0);
      weights.wDec().write(0, 2, new float[] {6, 8, 0, 0}, 0);
      weights.bDec().write(0, 1, new float[] {4, 8}, 0);
      // By 2: decoder (3, 4) of norm 5; then by norms 5 and 0.
      Folding.of(weights.wDec(), 2f, true).apply(weights);
      assertArrayEquals(new float[] {10, 20, 0, 0}, weights.wEnc().toArray());
      assertArrayEquals(new float[] {5, -0f}, weights.bEnc().toArray());
      assertArrayEquals(new float[] {3f / 5, 4f / 5, 0, 0}, weights.wDec().toArray());
      assertArrayEquals(new float[] {2, 4}, weights.bDec().toArray());
    }
  }

  /** What training computes with s·x and ranks by decoder norms is what the folded SAE computes. */
  @Test
  void theFoldedSaeReconstructsWhatTrainingDid() {
    int d = 6;
    int n = 17;
    int k = 4;
    float s = 0.37f;
    SaeWeights weights = random(d, n, 7);
    Matrix x = weights.memory().matrix(30, d);
    fill(x, new Random(8));
    Matrix scaled = weights.memory().matrix(30, d);
    scaled.copyFrom(x);
    device.scale(scaled, s);
    Matrix norms = weights.memory().vector(n);
    device.rowNorms(weights.wDec(), norms);
    SparseCodes codes = weights.memory().codes(30, k);
    device.encode(
        new EncoderWeights(weights.wEnc(), weights.bEnc(), weights.bDec(), norms),
        scaled,
        Ranked.topK(k, Relu.AFTER),
        codes);
    Matrix trained = weights.memory().matrix(30, d);
    device.decode(codes, weights.wDec(), weights.bDec(), trained);

    Folding.of(weights.wDec(), s, true).apply(weights);
    try (SparseAutoencoder sae = new SparseAutoencoder(device, SaeConfig.topK(d, n, k), weights)) {
      Matrix served = weights.memory().matrix(30, d);
      sae.reconstruct(x, served);
      for (int b = 0; b < 30; b++) {
        for (int j = 0; j < d; j++) {
          // A handful of roundings apart.
          assertEquals(trained.get(b, j) / s, served.get(b, j), 1e-5f * Math.max(1, 1 / s));
        }
      }
      device.rowNorms(weights.wDec(), norms);
      for (float norm : norms.toArray()) {
        assertEquals(1f, norm, 1e-6f);
      }
    }
  }

  @Test
  void aFactorThatCannotBeFoldedIsRefused() {
    try (SaeWeights weights = random(2, 3, 1)) {
      for (float bad : new float[] {0f, -1f, Float.NaN, Float.POSITIVE_INFINITY}) {
        assertThrows(IllegalArgumentException.class, () -> Folding.of(weights.wDec(), bad, false));
      }
    }
  }

  private SaeWeights random(int d, int n, long seed) {
    SaeWeights weights = SaeWeights.allocate(device, d, n);
    Random random = new Random(seed);
    fill(weights.wEnc(), random);
    fill(weights.bEnc(), random);
    fill(weights.wDec(), random);
    fill(weights.bDec(), random);
    return weights;
  }

  private static void fill(Matrix m, Random random) {
    for (int r = 0; r < m.rows(); r++) {
      for (int c = 0; c < m.cols(); c++) {
        m.set(r, c, (float) random.nextGaussian());
      }
    }
  }
}
