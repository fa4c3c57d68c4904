package io.github.sae4j.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.BadRowException;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.device.Device;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An evaluation has the bits of plain loops that follow docs/numerics.md, at any number of threads,
 * whether several threads may read the rows or one reads them from front to back.
 */
@Tag("kernel")
class EvaluationThreadsTest {
  private static final int D = 37;
  private static final int OUT = 35;
  private static final int N = 90;
  private static final int ROWS = 777;

  /** The last leaves a batch of one row, which equals its batch's mean. */
  private static final int[] BATCHES = {100, 256, 300, ROWS, 388};

  private final OffHeap memory = new OffHeap();
  private final Matrix x = fill(memory.matrix(ROWS, D), 1, 2f);
  private final Matrix y = fill(memory.matrix(ROWS, OUT), 2, 1f);

  @AfterEach
  void free() {
    memory.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64})
  void theBitsAreThoseOfPlainLoops(int threads) throws IOException {
    for (boolean transcoder : new boolean[] {false, true}) {
      for (int batchRows : BATCHES) {
        Expected expected = new Expected(transcoder, batchRows);
        try (Device device = new VectorDevice(threads);
            SparseAutoencoder sae = sae(device, transcoder)) {
          for (boolean inPlace : new boolean[] {false, true}) {
            Recorded inputs = new Recorded(x, inPlace);
            Recorded targets = transcoder ? new Recorded(y, inPlace) : inputs;
            List<Float> errors = new ArrayList<>();
            Metrics metrics =
                new Evaluator(sae, batchRows)
                    .evaluate(
                        inputs,
                        targets,
                        (first, codes, some) -> {
                          assertEquals(errors.size(), first);
                          for (float error : some) {
                            errors.add(error);
                          }
                        });
            String what =
                (transcoder ? "transcoder, " : "autoencoder, ")
                    + (inPlace ? "read by all threads" : "read in order")
                    + ", batches of "
                    + batchRows;
            assertEquals(expected.json, Json.line(metrics.toMap()), what);
            assertArrayEquals(expected.fired, metrics.density().fired(), what);
            assertEquals(expected.errors, errors, what);
            inputs.expectRead(transcoder ? 1 : 2, batchRows);
            if (transcoder) {
              targets.expectRead(2, batchRows);
            }
          }
        }
      }
    }
  }

  @Test
  void theFirstBadRowIsNamedWhoeverReadsIt() throws IOException {
    try (Device device = new VectorDevice(7)) {
      for (boolean inPlace : new boolean[] {false, true}) {
        for (boolean transcoder : new boolean[] {false, true}) {
          try (SparseAutoencoder sae = sae(device, transcoder)) {
            for (int bad : new int[] {10, 300, 700}) {
              // A row after it is bad too, in the next block.
              for (int row : new int[] {bad, Math.min(ROWS - 1, bad + 257)}) {
                x.set(row, 3, Float.NaN);
              }
              Recorded inputs = new Recorded(x, inPlace);
              Recorded targets = transcoder ? new Recorded(y, inPlace) : inputs;
              BadRowException thrown =
                  assertThrows(
                      BadRowException.class,
                      () -> new Evaluator(sae, 300).evaluate(inputs, targets));
              assertEquals(bad, thrown.row().origin().row());
              assertEquals(3, thrown.row().column());
              inputs.expectNobodyReads();
              fill(x, 1, 2f);
            }
          }
        }
      }
    }
  }

  @Test
  void aFailureEndsTheEvaluationAndItsReader() throws IOException {
    try (Device device = new VectorDevice(2);
        SparseAutoencoder sae = sae(device, false)) {
      IOException expected = new IOException("on purpose");
      for (boolean inPlace : new boolean[] {false, true}) {
        Recorded rows = new Recorded(x, inPlace);
        rows.failure = expected; // read ahead, in the second pass
        assertSame(
            expected,
            assertThrows(IOException.class, () -> new Evaluator(sae, 100).evaluate(rows)));
        rows.expectNobodyReads();
        Recorded others = new Recorded(x, inPlace);
        assertSame(
            expected,
            assertThrows(
                IOException.class,
                () ->
                    new Evaluator(sae, 100)
                        .evaluate(
                            others,
                            others,
                            (first, codes, errors) -> {
                              throw expected;
                            })));
        others.expectNobodyReads();
      }
    }
  }

  @Test
  void anInterruptIsLeftToTheCaller() throws IOException {
    try (Device device = new VectorDevice(2);
        SparseAutoencoder sae = sae(device, false)) {
      Thread.currentThread().interrupt();
      Metrics metrics = new Evaluator(sae, 100).evaluate(new Recorded(x, true));
      assertTrue(Thread.interrupted());
      assertEquals(new Expected(false, 100).json, Json.line(metrics.toMap()));
    }
  }

  /** Rows of a matrix, and who read them. */
  private static final class Recorded implements ActivationSource {
    private final MatrixSource rows;
    private final boolean inPlace;
    private final List<Long> firsts = Collections.synchronizedList(new ArrayList<>());
    private final List<Thread> ahead = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger reading = new AtomicInteger();
    private IOException failure;

    Recorded(Matrix rows, boolean inPlace) {
      this.rows = new MatrixSource(rows, "rows");
      this.inPlace = inPlace;
    }

    @Override
    public boolean readsInPlace() {
      return inPlace;
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      int others = reading.getAndIncrement();
      try {
        assertTrue(inPlace || others == 0, "read by two threads at once");
        firsts.add(first);
        if (Thread.currentThread().getName().equals("sae4j-reader")) {
          ahead.add(Thread.currentThread());
          if (failure != null && first >= 400) {
            throw failure;
          }
        }
        rows.readRange(first, count, target);
      } finally {
        reading.decrementAndGet();
      }
    }

    /** Checks how rows were read: the path that was asked for was taken. */
    void expectRead(int passes, int batchRows) {
      List<Long> expected = new ArrayList<>();
      for (int pass = 0; pass < passes; pass++) {
        boolean last = pass == passes - 1;
        if (last && passes == 2 && batchRows == ROWS) {
          break; // it is still there
        }
        for (int first = 0; first < ROWS; first += batchRows) {
          boolean parts = inPlace && (passes == 2 && pass == 0 || first == 0);
          int end = Math.min(ROWS, first + batchRows);
          if (!parts) {
            expected.add((long) first);
            continue;
          }
          // Blocks of sums in the first pass, and as many rows of the first batch in the second.
          for (int row = first; row < end; row = Math.min(end, row / 256 * 256 + 256)) {
            expected.add((long) row);
          }
        }
      }
      List<Long> seen = new ArrayList<>(firsts);
      if (inPlace) {
        Collections.sort(seen);
        Collections.sort(expected);
      }
      assertEquals(expected, seen);
      assertEquals(Math.ceilDiv(ROWS, batchRows) - 1, ahead.size());
    }

    /** Returns once all threads that read ahead have ended. */
    void expectNobodyReads() {
      assertEquals(0, reading.get());
      for (Thread thread : List.copyOf(ahead)) {
        try {
          assertTrue(thread.join(Duration.ofMinutes(10)), "still reads");
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }

    @Override
    public long rows() {
      return rows.rows();
    }

    @Override
    public int width() {
      return rows.width();
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) {
      rows.read(rowIds, count, target);
    }

    @Override
    public RowOrigin origin(long row) {
      return rows.origin(row);
    }

    @Override
    public DataIdentity identity() throws IOException {
      return rows.identity();
    }

    @Override
    public void close() {}
  }

  /** The metrics by the definitions and the orders of docs/numerics.md, in plain loops. */
  private final class Expected {
    final List<Float> errors = new ArrayList<>();
    final long[] fired = new long[N];
    final String json;

    Expected(boolean transcoder, int batchRows) {
      Matrix targets = transcoder ? y : x;
      int wide = targets.cols();
      OrderedSums.Blocks[] sums = new OrderedSums.Blocks[12];
      Arrays.setAll(sums, i -> new OrderedSums.Blocks());
      float[] mean = mean(targets, 0, ROWS);
      long explainedRows = 0;
      Matrix out = memory.matrix(ROWS, wide);
      SparseCodes codes = memory.codes(ROWS, N);
      try (Device device = new ScalarDevice();
          SparseAutoencoder sae = sae(device, transcoder)) {
        sae.encode(x, codes);
        sae.decode(codes, x, out);
      }
      float[] batchMean = {};
      for (int b = 0; b < ROWS; b++) {
        if (b % batchRows == 0) {
          batchMean = mean(targets, b, Math.min(batchRows, ROWS - b));
        }
        float[] row = row(targets, b);
        float[] made = row(out, b);
        float error = square(minus(made, row));
        float batchVariance = square(minus(row, batchMean));
        errors.add(error);
        double in = Math.sqrt(square(row));
        double norm = Math.sqrt(square(made));
        float dot = OrderedSums.dot(row, 0, made, 0, wide);
        int latents = 0;
        double sum = 0;
        for (int slot = 0; slot < codes.length(b); slot++) {
          if (codes.value(b, slot) != 0) {
            latents++;
            sum += Math.abs(codes.value(b, slot));
            fired[codes.index(b, slot)]++;
          }
        }
        double[] values = {
          error,
          square(minus(row, mean)),
          in * norm == 0 ? 0 : dot / (in * norm),
          latents,
          sum,
          in,
          norm,
          norm / (in < 1e-4 ? 1 : in),
          square(made),
          dot
        };
        for (int i = 0; i < values.length; i++) {
          sums[i].add(values[i]);
        }
        if (batchVariance > 0) {
          double explained = 1 - (double) error / batchVariance;
          sums[10].add(explained);
          sums[11].add(explained * explained);
          explainedRows++;
        }
      }
      double[] t = Arrays.stream(sums).mapToDouble(OrderedSums.Blocks::total).toArray();
      double legacy = t[10] / explainedRows;
      double spread = Math.max(0, t[11] - explainedRows * legacy * legacy);
      assertEquals(batchRows == 388 ? ROWS - 1 : ROWS, explainedRows);
      json =
          Json.line(
              new Metrics(
                      ROWS,
                      t[0] / t[1],
                      1 - t[0] / t[1],
                      legacy,
                      Math.sqrt(spread / (explainedRows - 1)),
                      t[0] / ROWS,
                      t[2] / ROWS,
                      t[3] / ROWS,
                      t[4] / ROWS,
                      t[5] / ROWS,
                      t[6] / ROWS,
                      t[7] / ROWS,
                      t[8] / t[9],
                      new Density(ROWS, fired),
                      Optional.empty())
                  .toMap());
    }

    private static float[] mean(Matrix rows, int from, int count) {
      float[] mean = new float[rows.cols()];
      for (int j = 0; j < mean.length; j++) {
        OrderedSums.Blocks sum = new OrderedSums.Blocks();
        for (int b = from; b < from + count; b++) {
          sum.add(rows.get(b, j));
        }
        mean[j] = (float) (sum.total() / count);
      }
      return mean;
    }

    private static float[] row(Matrix rows, int row) {
      float[] values = new float[rows.cols()];
      rows.read(row, 1, values, 0);
      return values;
    }

    private static float[] minus(float[] a, float[] b) {
      float[] difference = new float[a.length];
      for (int j = 0; j < a.length; j++) {
        difference[j] = a[j] - b[j];
      }
      return difference;
    }

    private static float square(float[] row) {
      return OrderedSums.dot(row, 0, row, 0, row.length);
    }
  }

  private static SparseAutoencoder sae(Device device, boolean transcoder) {
    int wide = transcoder ? OUT : D;
    SaeWeights weights = SaeWeights.allocate(device, D, wide, N, transcoder);
    fill(weights.wEnc(), 3, 1f);
    fill(weights.bEnc(), 4, 1f);
    fill(weights.wDec(), 5, 1f);
    fill(weights.bDec(), 6, 1f);
    if (transcoder) {
      fill(weights.wSkip(), 7, 0.1f);
    }
    // Rows of one length, and of many.
    Activation threshold = Threshold.RELU;
    SaeConfig config =
        transcoder
            ? new SaeConfig(
                D, wide, N, threshold, true, false, InputNormalization.NONE, SaeMetadata.NONE)
            : SaeConfig.topK(D, N, 5).with(InputNormalization.LAYER_NORM);
    return new SparseAutoencoder(device, config, weights);
  }

  private static Matrix fill(Matrix matrix, long seed, float scale) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int r = 0; r < matrix.rows(); r++) {
      for (int c = 0; c < matrix.cols(); c++) {
        matrix.set(r, c, (float) (random.nextDouble() - 0.4) * scale);
      }
    }
    return matrix;
  }
}
