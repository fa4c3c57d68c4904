package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Definitions against numbers computed by hand, including those of SAELens's own tests. */
class MetricSumsTest {
  private final Device device = new ScalarDevice();
  private final OffHeap memory = device.openMemory();

  @AfterEach
  void free() {
    memory.close();
  }

  @Test
  void explainedVarianceOfTheIssueThatFoundSaeLensBug() {
    Metrics metrics = metrics(new float[][] {{2, 0}, {0, 4}}, new float[][] {{2, 1}, {0, 3}});
    assertEquals(0.8, metrics.explainedVariance(), 1e-12);
    assertEquals(0.2, metrics.fvu(), 1e-12);
    assertEquals(1, metrics.mse());
  }

  @Test
  void theTrainersLogOfSaeLens() {
    float[][] activations = {{1, 0, 0, 2}, {0, 3, 0, 1}, {0.5f, 1, 0, 0}};
    Metrics metrics =
        metrics(
            new float[][] {{-1, 0}, {0, 2}, {1, 1}},
            new float[][] {{0, 0}, {0, 2}, {0.5f, 1}},
            activations);
    assertEquals(0.6875, metrics.explainedVariance(), 1e-12);
    assertEquals(0.75, metrics.explainedVarianceLegacy(), 1e-12);
    assertEquals(0.25, metrics.explainedVarianceLegacyStd(), 1e-12);
    assertEquals(2.0, metrics.l0());
    assertEquals((3 + 4 + 1.5) / 3, metrics.l1(), 1e-12);
    assertEquals(1, metrics.density().neverFired());
    assertEquals(0.25, metrics.density().neverFiredFraction());
  }

  @Test
  void lengthsAndDirections() {
    // Reconstructions half as long, one of them turned by 90 degrees; a zero row.
    Metrics metrics =
        metrics(new float[][] {{3, 4}, {0, 2}, {0, 0}}, new float[][] {{1.5f, 2}, {1, 0}, {1, 0}});
    assertEquals((1 + 0 + 0) / 3.0, metrics.cosineSimilarity(), 1e-7);
    assertEquals((5 + 2 + 0) / 3.0, metrics.l2NormIn(), 1e-7);
    assertEquals((2.5 + 1 + 1) / 3, metrics.l2NormOut(), 1e-7);
    assertEquals((0.5 + 0.5 + 1) / 3, metrics.l2Ratio(), 1e-7);
    assertEquals((6.25 + 1 + 1) / 12.5, metrics.relativeReconstructionBias(), 1e-7);
  }

  @Test
  void whatIsUndefinedIsNullInJson() {
    Metrics equal = metrics(new float[][] {{1, 2}, {1, 2}}, new float[][] {{0, 0}, {0, 0}});
    for (String name :
        new String[] {
          "fvu",
          "explained_variance",
          "explained_variance_legacy",
          "explained_variance_legacy_std",
          "relative_reconstruction_bias"
        }) {
      assertTrue(equal.toMap().containsKey(name));
      assertNull(equal.toMap().get(name), name);
    }
    assertEquals(5.0, equal.toMap().get("mse"));
    assertEquals(0.0, equal.toMap().get("cosine_similarity"));
  }

  @Test
  void aRowThatEqualsItsBatchsMeanIsLeftOutOfTheLegacyMetric() {
    Metrics metrics =
        metrics(new float[][] {{0, 0}, {1, 1}, {2, 2}}, new float[][] {{0, 0}, {7, 7}, {2, 1}});
    assertEquals((1 + 0.5) / 2, metrics.explainedVarianceLegacy(), 1e-12);
  }

  private Metrics metrics(float[][] x, float[][] out) {
    return metrics(x, out, new float[x.length][1]);
  }

  private Metrics metrics(float[][] x, float[][] out, float[][] activations) {
    Matrix rows = matrix(x);
    Matrix mean = memory.vector(rows.cols());
    device.columnMeans(rows, mean);
    int n = activations[0].length;
    SparseCodes codes = memory.codes(x.length, n);
    for (int b = 0; b < x.length; b++) {
      codes.setRow(b, n, IntStream.range(0, n).toArray(), activations[b], 0);
    }
    MetricSums sums = new MetricSums(device, memory, mean, x.length, n);
    sums.add(rows, matrix(out), codes);
    return sums.metrics();
  }

  private Matrix matrix(float[][] rows) {
    Matrix m = memory.matrix(rows.length, rows[0].length);
    for (int b = 0; b < rows.length; b++) {
      m.write(b, 1, rows[b], 0);
    }
    return m;
  }
}
