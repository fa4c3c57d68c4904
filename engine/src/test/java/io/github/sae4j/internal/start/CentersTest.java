package io.github.sae4j.internal.start;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CentersTest {
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void free() {
    memory.close();
  }

  private Matrix rows(float[]... rows) {
    Matrix x = memory.matrix(rows.length, rows[0].length);
    for (int b = 0; b < rows.length; b++) {
      x.write(b, 1, rows[b], 0);
    }
    return x;
  }

  private Matrix random(int rows, int d) {
    Random random = new Random(11);
    Matrix x = memory.matrix(rows, d);
    for (int b = 0; b < rows; b++) {
      for (int j = 0; j < d; j++) {
        x.set(b, j, (float) random.nextGaussian());
      }
    }
    return x;
  }

  @Test
  void theMeanOfMoreThanOneBlockOfRows() {
    Matrix x = random(1000, 3);
    double[] expected = new double[3];
    for (int b = 0; b < 1000; b++) {
      for (int j = 0; j < 3; j++) {
        expected[j] += x.get(b, j) / 1000.0;
      }
    }
    assertArrayEquals(expected, Centers.mean(x), 1e-14);
  }

  @Test
  void theMedianOfThreePointsOnALineIsTheMiddleOne() {
    double[] median =
        Centers.geometricMedian(rows(new float[] {0, 0}, new float[] {1, 0}, new float[] {10, 0}));
    // Weiszfeld approaches a data point slowly; 100 iterations come this far.
    assertEquals(1, median[0], 1e-2);
    assertEquals(0, median[1], 0);
  }

  @Test
  void anOutlierHardlyMovesTheMedian() {
    Matrix x = random(500, 4);
    double[] before = Centers.geometricMedian(x);
    x.write(0, 1, new float[] {1e6f, 1e6f, 1e6f, 1e6f}, 0);
    double[] after = Centers.geometricMedian(x);
    for (int j = 0; j < 4; j++) {
      assertEquals(before[j], after[j], 0.02);
    }
  }

  @Test
  void noPointNearTheMedianHasALowerSum() {
    Matrix x = random(300, 4);
    double[] median = Centers.geometricMedian(x);
    double least = sum(x, median);
    for (int j = 0; j < 4; j++) {
      for (double step : new double[] {-1e-4, 1e-4}) {
        double[] moved = median.clone();
        moved[j] += step;
        assertTrue(sum(x, moved) > least);
      }
    }
  }

  @Test
  void rowsThatAreAllEqualAreTheirOwnMedian() {
    float[] row = {1.5f, -2};
    assertArrayEquals(new double[] {1.5, -2}, Centers.geometricMedian(rows(row, row, row)), 1e-15);
  }

  private static double sum(Matrix x, double[] center) {
    double sum = 0;
    for (int b = 0; b < x.rows(); b++) {
      double square = 0;
      for (int j = 0; j < center.length; j++) {
        square += (x.get(b, j) - center[j]) * (x.get(b, j) - center[j]);
      }
      sum += Math.sqrt(square);
    }
    return sum;
  }
}
