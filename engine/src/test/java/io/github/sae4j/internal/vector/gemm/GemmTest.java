package io.github.sae4j.internal.vector.gemm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products whose inner index is cut into blocks and whose groups hold several panels. */
@Tag("kernel")
class GemmTest {
  private static final int M = 13;
  private static final int N = 1300;
  private static final int INNER = 2100;

  @ParameterizedTest
  @CsvSource({"false, false, 1", "false, true, 1", "true, false, 1", "true, true, 3"})
  void longChainsAreThoseOfTheOracle(boolean transposeA, boolean transposeB, int threads) {
    try (OffHeap memory = new OffHeap();
        ScalarDevice oracle = new ScalarDevice();
        VectorDevice device = new VectorDevice(threads)) {
      SplittableRandom random = new SplittableRandom(5);
      Matrix a = fill(transposeA ? memory.matrix(INNER, M) : memory.matrix(M, INNER), random);
      Matrix b = fill(transposeB ? memory.matrix(N, INNER) : memory.matrix(INNER, N), random);
      Matrix expected = memory.matrix(M, N);
      Matrix actual = memory.matrix(M, N);
      oracle.product(a, transposeA, b, transposeB, expected);
      // Twice, so that scratch holds the first run's values.
      for (int run = 0; run < 2; run++) {
        actual.fill(Float.NaN);
        device.product(a, transposeA, b, transposeB, actual);
        for (int i = 0; i < M; i++) {
          for (int j = 0; j < N; j++) {
            assertEquals(expected.get(i, j), actual.get(i, j), i + ", " + j);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "701", "2100"})
  void chainsGoOnFromWhatIsThere(int cut) {
    try (OffHeap memory = new OffHeap();
        ScalarDevice oracle = new ScalarDevice();
        WorkerPool pool = new WorkerPool(1)) {
      SplittableRandom random = new SplittableRandom(6);
      Matrix a = fill(memory.matrix(INNER, M), random);
      Matrix b = fill(memory.matrix(INNER, N), random);
      Matrix expected = memory.matrix(M, N);
      Matrix actual = memory.matrix(M, N);
      oracle.product(a, true, b, false, expected);
      Gemm products = new Gemm(pool);
      int from = 0;
      for (int to : new int[] {cut, INNER}) {
        if (to > from) {
          products.run(part(a, b, actual, from, to));
        }
        from = to;
      }
      for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
          assertEquals(expected.get(i, j), actual.get(i, j), i + ", " + j);
        }
      }
    }
  }

  private static Gemm.Product part(Matrix a, Matrix b, Matrix out, int from, int to) {
    int[] rows = new int[to - from];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = from + i;
    }
    return new Gemm.Product(
        Rows.of(a, rows), true, Rows.of(b, rows), false, Rows.of(out), M, N, rows.length, from > 0);
  }

  private static Matrix fill(Matrix matrix, SplittableRandom random) {
    for (int i = 0; i < matrix.rows(); i++) {
      for (int j = 0; j < matrix.cols(); j++) {
        matrix.set(i, j, (float) (random.nextDouble() - 0.5));
      }
    }
    return matrix;
  }
}
