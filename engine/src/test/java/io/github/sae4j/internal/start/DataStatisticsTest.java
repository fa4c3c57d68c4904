package io.github.sae4j.internal.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowRules;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
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
}
