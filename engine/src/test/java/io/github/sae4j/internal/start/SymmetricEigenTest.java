package io.github.sae4j.internal.start;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** By the definition: A v = λ v, vectors of norm 1 at right angles, values descending. */
class SymmetricEigenTest {
  private final Device host = new ScalarDevice();

  @AfterEach
  void close() {
    host.close();
  }

  private static double[][] copy(double[][] a) {
    return Arrays.stream(a).map(double[]::clone).toArray(double[][]::new);
  }

  private void check(double[][] a) {
    int n = a.length;
    SymmetricEigen eigen = SymmetricEigen.of(copy(a), host);
    double size = 1e-300;
    for (double[] row : a) {
      for (double value : row) {
        size = Math.max(size, Math.abs(value));
      }
    }
    double bound = 4e-15 * n;
    for (int i = 0; i < n; i++) {
      double[] v = eigen.vectors()[i];
      for (int r = 0; r < n; r++) {
        double product = 0;
        for (int j = 0; j < n; j++) {
          product += a[r][j] * v[j];
        }
        assertEquals(eigen.values()[i] * v[r], product, bound * size, "vector " + i);
      }
      for (int k = 0; k <= i; k++) {
        double dot = 0;
        for (int j = 0; j < n; j++) {
          dot += v[j] * eigen.vectors()[k][j];
        }
        assertEquals(i == k ? 1 : 0, dot, bound, i + ", " + k);
      }
      assertTrue(i == 0 || eigen.values()[i] <= eigen.values()[i - 1], "descending");
      double largest = 0;
      for (double value : v) {
        largest = Math.abs(value) > Math.abs(largest) ? value : largest;
      }
      assertTrue(largest > 0, "sign of vector " + i);
    }
  }

  private static double[][] random(int n, long seed) {
    Random random = new Random(seed);
    double[][] a = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        a[i][j] = random.nextGaussian();
        a[j][i] = a[i][j];
      }
    }
    return a;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 9, 33, 127, 128, 129, 200})
  void anySymmetricMatrix(int n) {
    check(random(n, n));
  }

  @Test
  void valuesThatAreKnown() {
    double[][] a = {{2, 1, 0}, {1, 2, 0}, {0, 0, 5}};
    SymmetricEigen eigen = SymmetricEigen.of(a, host);
    assertArrayEquals(new double[] {5, 3, 1}, eigen.values(), 1e-15);
    double half = Math.sqrt(0.5);
    assertArrayEquals(new double[] {0, 0, 1}, eigen.vectors()[0], 1e-15);
    assertArrayEquals(new double[] {half, half, 0}, eigen.vectors()[1], 1e-15);
  }

  /** Zeros, equal values, blocks that do not touch, low rank, and sizes far apart. */
  @Test
  void matricesThatFallApart() {
    check(new double[6][6]);
    double[][] ones = new double[40][40];
    double[][] diagonal = new double[40][40];
    double[][] graded = new double[40][40];
    double[][] blocks = random(40, 3);
    for (int i = 0; i < 40; i++) {
      Arrays.fill(ones[i], 1);
      diagonal[i][i] = i % 3;
      for (int j = 0; j < 40; j++) {
        graded[i][j] = Math.pow(10, -(i + j) / 4.0) * blocks[i][j];
        blocks[i][j] = i / 7 == j / 7 ? blocks[i][j] : 0;
      }
    }
    check(ones);
    check(diagonal);
    check(graded);
    check(blocks);
    double[][] tridiagonal = new double[30][30];
    for (int i = 0; i < 30; i++) {
      tridiagonal[i][i] = 2;
      for (int j : new int[] {i - 1, i + 1}) {
        if (j >= 0 && j < 30) {
          tridiagonal[i][j] = -1;
        }
      }
    }
    check(tridiagonal);
    assertEquals(
        2 - 2 * Math.cos(30 * Math.PI / 31),
        SymmetricEigen.of(copy(tridiagonal), host).values()[0],
        1e-14);
  }

  /**
   * Fewer rows than columns, and columns twice: most rows of the middle form are rounding errors.
   */
  @ParameterizedTest
  @CsvSource({"21, 160, 1", "41, 160, 1", "65, 256, 1", "101, 384, 1", "500, 384, 2"})
  void covariancesOfLowRank(int rows, int width, int copies) {
    Random random = new Random(rows);
    Covariance covariance = new Covariance(new float[width], host);
    for (int b = 0; b < rows; b++) {
      float[] row = new float[width];
      for (int j = 0; j < width; j++) {
        row[j] = j % copies == 0 ? (float) random.nextGaussian() : row[j - 1];
      }
      covariance.add(row);
    }
    check(covariance.matrix());
  }

  @Test
  void onesOfAnySize() {
    for (double size : new double[] {1, 1e-36}) {
      double[][] ones = new double[71][71];
      for (double[] row : ones) {
        Arrays.fill(row, size);
      }
      check(ones);
    }
  }

  @Test
  void sizesAtTheEndsOfDoubles() {
    for (double scale : new double[] {1e-150, 1e150}) {
      double[][] a = random(20, 5);
      for (double[] row : a) {
        for (int j = 0; j < row.length; j++) {
          row[j] *= scale;
        }
      }
      check(a);
    }
  }

  @Test
  void theBitsDoNotDependOnWhoSharesTheWork() {
    double[][] a = random(300, 9);
    SymmetricEigen expected = SymmetricEigen.of(copy(a), host);
    try (Device threads = new VectorDevice(3)) {
      SymmetricEigen got = SymmetricEigen.of(copy(a), threads);
      assertArrayEquals(expected.values(), got.values());
      assertTrue(Arrays.deepEquals(expected.vectors(), got.vectors()));
    }
  }
}
