package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NeighbourRecallTest {
  private static final int D = 6;
  private static final int ROWS = 90;

  private static SparseAutoencoder sae(Device device, int dSae, int k, boolean identity) {
    SaeWeights weights = SaeWeights.allocate(device, D, dSae);
    Random random = new Random(4);
    for (int i = 0; i < dSae; i++) {
      for (int j = 0; j < D; j++) {
        float sign = i < D ? 1 : -1;
        weights
            .wEnc()
            .set(i, j, identity ? (i % D == j ? sign : 0) : (float) random.nextGaussian());
      }
    }
    return new SparseAutoencoder(device, SaeConfig.topK(D, dSae, k), weights);
  }

  private static Matrix rows(OffHeap memory) {
    Random random = new Random(11);
    Matrix x = memory.matrix(ROWS, D);
    for (int b = 0; b < ROWS; b++) {
      for (int j = 0; j < D; j++) {
        x.set(b, j, (float) random.nextGaussian());
      }
    }
    return x;
  }

  /** With positive rows and the identity as encoder, codes are the rows. */
  @Test
  void codesThatAreTheRowsHaveAllNeighbours() throws IOException {
    try (Device device = new ScalarDevice();
        OffHeap memory = new OffHeap();
        SparseAutoencoder sae = sae(device, D, D, true)) {
      Matrix x = rows(memory);
      for (int b = 0; b < ROWS; b++) {
        for (int j = 0; j < D; j++) {
          x.set(b, j, Math.abs(x.get(b, j)));
        }
      }
      NeighbourRecall recall =
          NeighbourRecall.of(sae, new MatrixSource(x, "rows"), 1000).orElseThrow();
      assertEquals(new NeighbourRecall(ROWS, 1.0), recall);
    }
  }

  /** The same number from sorting all pairs, on every device. */
  @EveryDevice
  void itIsTheShareOfNeighboursThatAreKept(Device device) throws IOException {
    try (OffHeap memory = new OffHeap();
        SparseAutoencoder sae = sae(device, 20, 3, false)) {
      Matrix x = rows(memory);
      double expected = recall(sae, x);
      NeighbourRecall recall =
          NeighbourRecall.of(sae, new MatrixSource(x, "rows"), 1000).orElseThrow();
      assertEquals(expected, recall.recall(), 1e-12);
      assertTrue(expected > 0.1 && expected < 0.9, "recall " + expected);
    }
  }

  private static double recall(SparseAutoencoder sae, Matrix x) {
    double[][] dense = new double[ROWS][D];
    double[][] codes = new double[ROWS][sae.config().dSae()];
    try (OffHeap memory = sae.device().openMemory()) {
      Matrix own = memory.matrix(ROWS, D);
      own.copyFrom(x);
      SparseCodes found = memory.codes(ROWS, 3);
      sae.encode(own, found);
      for (int b = 0; b < ROWS; b++) {
        for (int j = 0; j < D; j++) {
          dense[b][j] = x.get(b, j);
        }
        for (int slot = 0; slot < found.length(b); slot++) {
          codes[b][found.index(b, slot)] = found.value(b, slot);
        }
      }
    }
    double shared = 0;
    for (int b = 0; b < ROWS; b++) {
      List<Integer> near = nearest(codes, b);
      shared += nearest(dense, b).stream().filter(near::contains).count();
    }
    return shared / 10 / ROWS;
  }

  private static List<Integer> nearest(double[][] rows, int self) {
    return IntStream.range(0, ROWS)
        .filter(j -> j != self)
        .boxed()
        .sorted(Comparator.comparingDouble(j -> -cosine(rows[self], rows[j])))
        .limit(10)
        .toList();
  }

  private static double cosine(double[] a, double[] b) {
    double dot = 0;
    double squares = 0;
    double others = 0;
    for (int j = 0; j < a.length; j++) {
      dot += a[j] * b[j];
      squares += a[j] * a[j];
      others += b[j] * b[j];
    }
    double norm = Math.sqrt(squares) * Math.sqrt(others);
    return norm > 0 ? dot / norm : 0;
  }

  @Test
  void aSampleIsAsLargeAsAskedForAndTooFewRowsHaveNone() throws IOException {
    try (Device device = new ScalarDevice();
        OffHeap memory = new OffHeap();
        SparseAutoencoder sae = sae(device, 20, 3, false)) {
      Matrix x = rows(memory);
      assertEquals(
          40, NeighbourRecall.of(sae, new MatrixSource(x, "rows"), 40).orElseThrow().rows());
      assertEquals(
          Optional.empty(), NeighbourRecall.of(sae, new MatrixSource(x.firstRows(10), "r"), 40));
      assertThrows(
          IllegalArgumentException.class,
          () -> NeighbourRecall.of(sae, new MatrixSource(x, "rows"), 10));
      x.set(0, 2, Float.NaN);
      assertThrows(
          BadRowException.class, () -> NeighbourRecall.of(sae, new MatrixSource(x, "rows"), 40));
    }
  }

  @Test
  void itStandsAmongTheMetricsWhereItIsAskedFor() throws IOException {
    try (Device device = new ScalarDevice();
        OffHeap memory = new OffHeap();
        SparseAutoencoder sae = sae(device, 20, 3, false)) {
      MatrixSource source = new MatrixSource(rows(memory), "rows");
      assertTrue(!new Evaluator(sae).evaluate(source).toMap().containsKey("recall_at_10"));
      var metrics = new Evaluator(sae).withRecall(50).evaluate(source).toMap();
      assertEquals(50, metrics.get("recall_rows"));
      assertEquals(
          NeighbourRecall.of(sae, source, 50).orElseThrow().recall(), metrics.get("recall_at_10"));
    }
  }
}
