package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.Split;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EvaluatorTest {
  private static final int D = 6;
  private static final int N = 20;
  private static final int K = 3;

  private final Device device = new ScalarDevice();
  private final OffHeap memory = device.openMemory();

  @AfterEach
  void free() {
    memory.close();
  }

  @ParameterizedTest
  @EnumSource(InputNormalization.class)
  void theBatchSizeChangesNoBitOfAnyOtherMetric(InputNormalization normalization)
      throws IOException {
    Matrix rows = random(1037, D, 3);
    try (SparseAutoencoder sae = sae(normalization)) {
      Map<String, Object> whole = comparable(sae, 2000, rows);
      for (int batch : new int[] {1, 7, 255, 256, 257, 1036, 1037}) {
        assertEquals(whole, comparable(sae, batch, rows), "batches of " + batch);
      }
    }
  }

  private static Map<String, Object> comparable(SparseAutoencoder sae, int batch, Matrix rows)
      throws IOException {
    Map<String, Object> map = new LinkedHashMap<>();
    map.putAll(new Evaluator(sae, batch).evaluate(new MatrixSource(rows, "rows")).toMap());
    map.remove("explained_variance_legacy");
    map.remove("explained_variance_legacy_std");
    return map;
  }

  /** The definitions again, in double, on the SAE's methods for arrays. */
  @Test
  void theMetricsAreThoseOfTheDefinitions() throws IOException {
    int rows = 300;
    Matrix x = random(rows, D, 5);
    double[] mean = new double[D];
    for (int b = 0; b < rows; b++) {
      for (int j = 0; j < D; j++) {
        mean[j] += x.get(b, j) / rows;
      }
    }
    try (SparseAutoencoder sae = sae(InputNormalization.LAYER_NORM)) {
      double error = 0;
      double variance = 0;
      double active = 0;
      long[] fired = new long[N];
      for (int b = 0; b < rows; b++) {
        float[] row = new float[D];
        x.read(b, 1, row, 0);
        float[] out = sae.reconstruct(row);
        for (int j = 0; j < D; j++) {
          error += ((double) out[j] - row[j]) * ((double) out[j] - row[j]);
          variance += (row[j] - mean[j]) * (row[j] - mean[j]);
        }
        SparseCode code = sae.encode(row);
        for (int slot = 0; slot < K; slot++) {
          if (code.values()[slot] > 0) {
            active++;
            fired[code.indices()[slot]]++;
          }
        }
      }
      Metrics metrics = new Evaluator(sae, 77).evaluate(new MatrixSource(x, "rows"));
      assertEquals(rows, metrics.rows());
      assertEquals(error / variance, metrics.fvu(), 1e-5 * error / variance);
      assertEquals(error / rows, metrics.mse(), 1e-5 * error / rows);
      assertEquals(active / rows, metrics.l0());
      assertEquals(new Density(rows, fired).meanLog10(), metrics.density().meanLog10());
      String json = Json.line(metrics.toMap());
      assertTrue(json.contains("\"never_fired_fraction\":"), json);
    }
  }

  @Test
  void heldOutRowsAreEvaluatedAlone() throws IOException {
    Matrix rows = random(400, D, 3);
    Split split = Split.of(400, 0.25);
    try (SparseAutoencoder sae = sae(InputNormalization.NONE)) {
      MatrixSource source = new MatrixSource(rows, "rows");
      Evaluator evaluator = new Evaluator(sae);
      Metrics heldOut = evaluator.evaluate(split.heldOut(source).orElseThrow());
      assertEquals(100, heldOut.rows());
      assertNotEquals(evaluator.evaluate(source).fvu(), heldOut.fvu());
    }
  }

  @Test
  void aRowThatIsNotFiniteIsNamed() throws IOException {
    Matrix rows = random(400, D, 3);
    try (SparseAutoencoder sae = sae(InputNormalization.NONE)) {
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        rows.set(321, 2, bad);
        assertBad(sae, rows, "rows.npy: row 321 holds " + bad + " at column 2, expected a number");
      }
      rows.set(321, 2, Float.MAX_VALUE); // finite, and beyond f32 once encoded
      assertBad(
          sae,
          rows,
          "rows.npy: row 321 is too large for the weights: the pre-activation of latent");
    }
  }

  private void assertBad(SparseAutoencoder sae, Matrix rows, String complaint) {
    String message =
        assertThrows(
                BadFileException.class,
                () -> new Evaluator(sae, 100).evaluate(new MatrixSource(rows, "rows.npy")))
            .getMessage();
    assertTrue(message.startsWith(complaint), message);
  }

  @Test
  void rowsOfAnotherWidthAreRefused() {
    try (SparseAutoencoder sae = sae(InputNormalization.NONE)) {
      MatrixSource source = new MatrixSource(memory.matrix(2, D + 1), "rows");
      assertThrows(IllegalArgumentException.class, () -> new Evaluator(sae).evaluate(source));
      assertThrows(IllegalArgumentException.class, () -> new Evaluator(sae, 0));
    }
  }

  private SparseAutoencoder sae(InputNormalization normalization) {
    SaeWeights weights = SaeWeights.allocate(device, D, N);
    weights.wEnc().copyFrom(random(N, D, 1));
    weights.bEnc().copyFrom(random(1, N, 2));
    weights.wDec().copyFrom(random(N, D, 3));
    weights.bDec().copyFrom(random(1, D, 4));
    return new SparseAutoencoder(device, SaeConfig.topK(D, N, K).with(normalization), weights);
  }

  private Matrix random(int rows, int cols, long seed) {
    Random random = new Random(seed);
    Matrix m = memory.matrix(rows, cols);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        m.set(r, c, (float) random.nextGaussian() + 0.5f);
      }
    }
    return m;
  }
}
