package io.github.sae4j.internal.start;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.OnBadRows;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.device.Device;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.options.ConfigException;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DataStatisticsTest {
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void free() {
    memory.close();
  }

  private static DataStatistics of(Matrix x, int batchRows) {
    return new DataStatistics(new MatrixSource(x, "rows"), RowRules.ALL, batchRows);
  }

  @Test
  void theFactorBringsTheMeanNormToTheRootOfTheWidth() throws IOException {
    Matrix x = memory.matrix(3, 2);
    x.write(0, 3, new float[] {3, 4, 0, 1, 6, 8}, 0); // norms 5, 1, 10
    assertEquals((float) (Math.sqrt(2) / (16.0 / 3)), of(x, 2).normalizationFactor());
  }

  @Test
  void theFactorLooksAtAThousandBatchesSpreadOverTheRows() throws IOException {
    int rows = 5000;
    Matrix x = memory.matrix(rows, 1);
    for (int b = 0; b < rows; b++) {
      x.set(b, 0, b);
    }
    // 1000 rows from the first to the last: their mean is that of all, not 499.5.
    assertEquals(1 / 2499.5, of(x, 1).normalizationFactor(), 1e-6);
  }

  @Test
  void zeroRowsLeaveTheFactorAtOne() throws IOException {
    assertEquals(1f, of(memory.matrix(4, 3), 2).normalizationFactor());
  }

  @Test
  void mseScaleIsOneOverTheMeanSquareAboutTheMean() throws IOException {
    Matrix x = memory.matrix(2, 2);
    x.write(0, 2, new float[] {1, 10, 3, 14}, 0); // squares 1, 4, 1, 4: mean 2.5
    assertEquals(1 / 2.5, of(x, 8).mseScale(1f), 1e-15);
    assertEquals(1 / 10.0, of(x, 8).mseScale(2f), 1e-15);
  }

  @Test
  void aRowThatIsNotANumberIsNamed() {
    Matrix x = memory.matrix(9, 2);
    x.set(7, 1, Float.NaN);
    for (int batchRows : new int[] {1, 4, 100}) {
      Exception e =
          assertThrows(BadFileException.class, () -> of(x, batchRows).normalizationFactor());
      assertTrue(e.getMessage().contains("row 7 holds NaN at column 1"), e.getMessage());
      assertThrows(BadFileException.class, () -> of(x, batchRows).mseScale(1f));
    }
  }

  /** Points on a turned cross: variances 6 along (4, 3)/5 and 1.5 along (-3, 4)/5. */
  @Test
  void whiteningDividesByTheDeviationAlongEachDirection() throws IOException {
    Matrix x = memory.matrix(4, 2);
    x.write(0, 4, new float[] {9.4f, 3.8f, 4.6f, 0.2f, 6.1f, 3.2f, 7.9f, 0.8f}, 0);
    try (Device device = new ScalarDevice()) {
      DataStatistics.Whitened whitened = of(x, 3).whitening(0.25, device);
      Whitening map = whitened.map();
      float a = 2.5f; // the root of 6 + 0.25
      float b = (float) Math.sqrt(1.75);
      assertArrayEquals(new float[] {7, 2}, map.mean(memory).toArray(), 1e-6f);
      assertArrayEquals(new float[] {0.8f / a, 0.6f / a}, row(map.forward(memory), 0), 1e-6f);
      assertArrayEquals(new float[] {-0.6f / b, 0.8f / b}, row(map.forward(memory), 1), 1e-6f);
      assertArrayEquals(new float[] {0.8f * a, -0.6f * b}, row(map.inverse(memory), 0), 1e-6f);
      assertArrayEquals(new float[] {0.6f * a, 0.8f * b}, row(map.inverse(memory), 1), 1e-6f);
      assertEquals((6 / 6.25 + 1.5 / 1.75) / 2, whitened.spectrum().variance(), 1e-6);
      assertEquals(1 / b, map.gain(), 1e-6);
      assertArrayEquals(
          new float[] {7 + 0.8f * a, 2 + 0.6f * a}, map.back(new float[] {1, 0}), 2e-6f);
    }
  }

  private Matrix withLong(float value) {
    Matrix x = memory.matrix(5, 2);
    x.write(0, 5, new float[] {9.4f, 3.8f, 4.6f, 0.2f, value, 0, 6.1f, 3.2f, 7.9f, 0.8f}, 0);
    return x;
  }

  /** Whitened by 1/√ε it would be too long to train on. */
  @Test
  void aRowThatWillBeSkippedDoesNotShapeTheMap() throws IOException {
    RowRules skip = new RowRules(OnBadRows.SKIP, row -> false);
    RowRules masked = new RowRules(OnBadRows.ERROR, row -> row == 2);
    try (Device device = new ScalarDevice()) {
      Matrix x = withLong(5e18f);
      Whitening expected =
          new DataStatistics(new MatrixSource(x, "rows"), masked, 5).whitening(1e-3, device).map();
      Whitening got =
          new DataStatistics(new MatrixSource(x, "rows"), skip, 5).whitening(1e-3, device).map();
      assertTrue(got.sameAs(expected));
    }
  }

  /** A map of no row at all would be one of none of the rows that are trained on. */
  @Test
  void rowsThatAllWouldBeSkippedAreRefused() throws IOException {
    Matrix x = memory.matrix(4, 2);
    x.write(0, 4, new float[] {2e4f, 1, 2e4f, 2, 2e4f, -1, 2e4f, 0}, 0);
    RowRules skip = new RowRules(OnBadRows.SKIP, row -> false);
    DataStatistics all = new DataStatistics(new MatrixSource(x, "rows"), skip, 2);
    try (Device device = new ScalarDevice()) {
      String said =
          assertThrows(ConfigException.class, () -> all.whitening(1e-30, device)).getMessage();
      assertTrue(said.contains("at most 1.8e+04 long") && said.contains("got none"), said);
      assertEquals(2e4f, all.whitening(1e-28, device).map().mean(memory).get(0, 0));
    }
  }

  /** Twice as long as the longest whose square fits f32. */
  @Test
  void aRowThatCannotBeTrainedOnIsNamedBeforeItIsMeasured() {
    try (Device device = new ScalarDevice()) {
      for (float value : new float[] {4e19f, Float.MAX_VALUE}) {
        Exception e =
            assertThrows(
                BadFileException.class, () -> of(withLong(value), 5).whitening(1e-3, device));
        assertTrue(e.getMessage().contains("row 2 holds"), e.getMessage());
        assertTrue(e.getMessage().contains("too large to train on"), e.getMessage());
      }
    }
  }

  @Test
  void theSpectrumSaysWhichEpsilonWouldHelp() {
    double[] variances = {1, 1 / 2.0, 1 / 3.0, 1 / 4.0, 1e-15, 0, -1e-17};
    Spectrum spectrum = Spectrum.of(variances, 1);
    double kept = 1 / 2.0 + 1 / 3.0 + 1 / 4.0 + 1 / 5.0;
    assertEquals(kept / 7, spectrum.variance(), 1e-12);
    assertEquals(4, spectrum.directions());
    assertEquals(kept / 4, spectrum.whitened(), 1e-12);
    Spectrum helped = Spectrum.of(variances, spectrum.helpful());
    assertTrue(helped.whitened() >= 0.9 && helped.whitened() < 0.91, helped::toString);
    assertEquals(new Spectrum(0, 0, 1, 0), Spectrum.of(new double[] {0, 0}, 1));
  }

  private static float[] row(Matrix matrix, int row) {
    float[] values = new float[matrix.cols()];
    matrix.read(row, 1, values, 0);
    return values;
  }

  @Test
  void rowsThatDoNotVaryAreCentredAndStretched() throws IOException {
    for (int count : new int[] {1, 3}) {
      Matrix x = memory.matrix(count, 2);
      for (int b = 0; b < count; b++) {
        x.write(b, 1, new float[] {4, -1}, 0);
      }
      try (Device device = new ScalarDevice()) {
        DataStatistics.Whitened whitened = of(x, 2).whitening(0.25, device);
        assertArrayEquals(new float[] {4, -1}, whitened.map().mean(memory).toArray());
        assertArrayEquals(new float[] {2, 0}, row(whitened.map().forward(memory), 0));
        assertArrayEquals(new float[] {0, 2}, row(whitened.map().forward(memory), 1));
        assertArrayEquals(new float[] {0.5f, 0}, row(whitened.map().inverse(memory), 0));
        assertEquals(0, whitened.spectrum().variance());
      }
    }
  }

  /** Sums over many blocks, and widths that no part divides: against plain double loops. */
  @Test
  void aCovarianceIsTheMeanOfProductsOfDifferences() throws IOException {
    Random random = new Random(2);
    int d = 37;
    int rows = 3 * 64 + 7;
    float[] mean = new float[d];
    float[][] all = new float[rows][d];
    for (float[] row : all) {
      for (int j = 0; j < d; j++) {
        row[j] = (float) random.nextGaussian();
        mean[j] = j / 8f;
      }
    }
    try (Device oracle = new ScalarDevice();
        Device threads = new VectorDevice(3)) {
      double[][] expected = new double[d][d];
      for (Device device : List.of(oracle, threads)) {
        Covariance covariance = new Covariance(mean, device);
        for (float[] row : all) {
          covariance.add(row);
        }
        double[][] got = covariance.matrix();
        for (int i = 0; i < d; i++) {
          for (int j = 0; j < d; j++) {
            double sum = 0;
            for (float[] row : all) {
              sum +=
                  (double) (row[Math.min(i, j)] - mean[Math.min(i, j)])
                      * (row[Math.max(i, j)] - mean[Math.max(i, j)]);
            }
            expected[i][j] = sum / (rows - 1);
          }
        }
        assertTrue(Arrays.deepEquals(expected, got));
      }
    }
  }
}
