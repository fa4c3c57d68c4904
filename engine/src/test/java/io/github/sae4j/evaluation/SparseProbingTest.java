package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Probes of classes that latents tell, and of classes that nothing does. */
class SparseProbingTest {
  private static final Path SAE = Path.of("src/test/resources/golden/checkpoints/saelens-topk");
  private static final int ROWS = 2000;

  /** Tries something on random rows of an SAE. */
  private interface Trial {
    void run(SparseAutoencoder sae, Matrix rows) throws IOException;
  }

  private static void with(Trial trial) throws IOException {
    try (Device device = Devices.open("scalar", DeviceOptions.DEFAULT);
        SparseAutoencoder sae = SaeCheckpoint.load(SAE, device);
        OffHeap memory = new OffHeap()) {
      Random random = new Random(4);
      Matrix rows = memory.matrix(ROWS, sae.config().dIn());
      for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < rows.cols(); j++) {
          rows.set(i, j, (float) random.nextGaussian());
        }
      }
      trial.run(sae, rows);
    }
  }

  private static float[] row(Matrix rows, int i) {
    float[] row = new float[rows.cols()];
    rows.read(i, 1, row, 0);
    return row;
  }

  @Test
  void theLatentThatMakesAClassTellsIt() throws IOException {
    with(
        (sae, rows) -> {
          int latent = sae.encode(row(rows, 0)).indices()[0];
          long[] labels = new long[ROWS];
          for (int i = 0; i < ROWS; i++) {
            int[] active = sae.encode(row(rows, i)).indices();
            labels[i] = Arrays.binarySearch(active, latent) >= 0 ? 7 : 3;
          }
          List<SparseProbing.Result> results =
              SparseProbing.probe(sae, new MatrixSource(rows, "rows"), labels, 1, 3);
          for (SparseProbing.Result result : results) {
            assertEquals(2, result.probes().size());
            assertEquals(7, result.probes().get(1).label());
            assertEquals(latent, result.probes().get(1).features().getFirst());
            assertEquals(1, result.balancedAccuracy(), 0.02);
            assertTrue(result.ofColumns() < result.balancedAccuracy(), result::toString);
          }
          assertEquals(3, results.get(1).probes().get(0).features().size());
        });
  }

  @Test
  void labelsThatMeanNothingAreToldByChance() throws IOException {
    with(
        (sae, rows) -> {
          long[] labels = new Random(9).longs(ROWS, 0, 4).toArray();
          SparseProbing.Result result =
              SparseProbing.probe(sae, new MatrixSource(rows, "rows"), labels, 2).getFirst();
          assertEquals(4, result.probes().size());
          // 400 test rows, 100 of the class: a share's standard deviation is below 0.05.
          assertEquals(0.5, result.balancedAccuracy(), 0.08);
          assertEquals(0.5, result.ofColumns(), 0.08);
        });
  }

  @Test
  void rowsWithoutALabelAndSmallClassesAreLeftOut() throws IOException {
    with(
        (sae, rows) -> {
          long[] labels = new long[ROWS];
          for (int i = 0; i < ROWS; i++) {
            labels[i] = i < 6 ? 99 : i % 3 - 1;
          }
          SparseProbing.Result result =
              SparseProbing.probe(sae, new MatrixSource(rows, "rows"), labels, 1).getFirst();
          assertEquals(
              List.of(0L, 1L), result.probes().stream().map(SparseProbing.Probe::label).toList());
        });
  }

  /** Rows above the bound: a sample of them, which is told as the whole is. */
  @Test
  void ofManyRowsASampleIsProbed() throws IOException {
    with(
        (sae, rows) -> {
          int latent = sae.encode(row(rows, 0)).indices()[0];
          long[] labels = new long[ROWS];
          for (int i = 0; i < ROWS; i++) {
            int[] active = sae.encode(row(rows, i)).indices();
            labels[i] = i % 20 == 0 ? -1 : Arrays.binarySearch(active, latent) >= 0 ? 7 : 3;
          }
          MatrixSource source = new MatrixSource(rows, "rows");
          SparseProbing.Result whole = SparseProbing.probe(sae, source, labels, 1).getFirst();
          assertEquals(ROWS * 19 / 20, whole.rows());
          SparseProbing.Result some =
              SparseProbing.probeWithin(1500, 1 << 26, sae, source, labels, 1).getFirst();
          assertEquals(1500, some.rows());
          assertEquals(latent, some.probes().get(1).features().getFirst());
          assertEquals(1, some.balancedAccuracy(), 0.02);
          assertEquals(1500L, some.toMap().get("rows"));
        });
  }

  /** Memory for the features of one class at a time: more passes, and the same numbers. */
  @Test
  void littleMemoryChangesNothing() throws IOException {
    with(
        (sae, rows) -> {
          long[] labels = new Random(9).longs(ROWS, 0, 6).toArray();
          MatrixSource source = new MatrixSource(rows, "rows");
          assertEquals(
              SparseProbing.probe(sae, source, labels, 1, 4),
              SparseProbing.probeWithin(ROWS, 1, sae, source, labels, 1, 4));
          assertEquals(
              SparseProbing.probe(sae, source, labels, 4),
              SparseProbing.probeWithin(ROWS, 9 * ROWS, sae, source, labels, 4));
        });
  }

  @Test
  void whatDoesNotFitIsSaid() throws IOException {
    with(
        (sae, rows) -> {
          MatrixSource source = new MatrixSource(rows, "rows");
          long[] one = new long[ROWS];
          assertThrows(
              IllegalArgumentException.class, () -> SparseProbing.probe(sae, source, one, 1));
          long[] two = new Random(9).longs(ROWS, 0, 2).toArray();
          assertThrows(
              IllegalArgumentException.class, () -> SparseProbing.probe(sae, source, two, 0));
          assertThrows(
              IllegalArgumentException.class,
              () -> SparseProbing.probe(sae, source, new long[3], 1));
        });
  }

  @Test
  void theFitHasNoSlope() {
    Random random = new Random(2);
    int rows = 300;
    int features = 3;
    double[] x = new double[rows * features];
    boolean[] positive = new boolean[rows];
    for (int i = 0; i < rows; i++) {
      double z = -1;
      for (int j = 0; j < features; j++) {
        x[i * features + j] = random.nextGaussian();
        z += (j + 1) * x[i * features + j];
      }
      positive[i] = random.nextDouble() < 1 / (1 + Math.exp(-z));
    }
    double[] w = LogisticRegression.fit(x, positive, features).weights();
    long of = IntStream.range(0, rows).filter(i -> positive[i]).count();
    double[] slope = new double[features + 1];
    System.arraycopy(w, 0, slope, 0, features);
    for (int i = 0; i < rows; i++) {
      double z = w[features];
      for (int j = 0; j < features; j++) {
        z += w[j] * x[i * features + j];
      }
      double c = positive[i] ? rows / (2.0 * of) : rows / (2.0 * (rows - of));
      double error = c * (1 / (1 + Math.exp(-z)) - (positive[i] ? 1 : 0));
      for (int j = 0; j < features; j++) {
        slope[j] += error * x[i * features + j];
      }
      slope[features] += error;
    }
    for (double s : slope) {
      assertEquals(0, s, 1e-5);
    }
    assertTrue(w[2] > w[1] && w[1] > w[0] && w[0] > 0, Arrays.toString(w));
  }
}
