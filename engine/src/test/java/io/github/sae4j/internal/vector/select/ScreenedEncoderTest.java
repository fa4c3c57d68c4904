package io.github.sae4j.internal.vector.select;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.internal.scalar.ScalarDevice;
import io.github.sae4j.internal.vector.VectorDevice;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Encoders that read W_enc in fewer bits, against the kernels that read W_enc. */
@Tag("kernel")
class ScreenedEncoderTest {
  private static final long SEED = Long.getLong("screening.seed", 20261126);

  private static final ServingPrecision[] COPIES = {ServingPrecision.INT8, ServingPrecision.BF16};

  /** Weights and rows that are hard to screen. */
  enum Kind {
    RANDOM,
    /** Rows are sums of few rows of W_enc, as of a trained SAE. */
    PLANTED,
    /** Small whole numbers, and latents that occur several times: ranks that are equal. */
    TIES,
    /** Latents that differ from others in the last bit of an element. */
    NEAR_TIES,
    /** A few dimensions of rows are a thousand times as large, with small weights. */
    OUTLIERS,
    /** An element of each latent dwarfs the others, which all become 0 in 8 bits. */
    SPIKES,
    /** Products that are denormal, or 0. */
    DENORMAL,
    /** Products and their sums come near the largest float, and pass it in some rows. */
    HUGE,
    /** Rows in the direction in which the copy of a latent errs most. */
    WORST,
    /** Rows of zeros: pre-activations are biases, many of them equal. */
    ZERO,
    /** Biases so low that few latents are positive, or none. */
    NEGATIVE,
    /** Every element of another magnitude. */
    WIDE
  }

  /** Weights with rows to encode. */
  record Scene(EncoderWeights weights, Matrix x) {}

  private static float uniform(SplittableRandom random) {
    return (float) (2 * random.nextDouble() - 1);
  }

  private static Matrix filled(
      OffHeap memory, int rows, int cols, SplittableRandom random, float factor) {
    Matrix matrix = memory.matrix(rows, cols);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < cols; j++) {
        matrix.set(i, j, (float) random.nextGaussian() * factor);
      }
    }
    return matrix;
  }

  static Scene scene(
      OffHeap memory, Kind kind, int d, int n, int rows, boolean scaled, SplittableRandom random) {
    float size =
        switch (kind) {
          case DENORMAL -> 0x1p-75f;
          case HUGE -> 0x1p60f;
          default -> 1f;
        };
    Matrix w = filled(memory, n, d, random, size);
    Matrix x = filled(memory, rows, d, random, kind == Kind.ZERO ? 0f : size);
    Matrix bEnc = filled(memory, 1, n, random, 0.1f * size * size);
    Matrix bDec = filled(memory, 1, d, random, kind == Kind.ZERO ? 0f : 0.1f * size);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < d; j++) {
        switch (kind) {
          case TIES -> w.set(i, j, random.nextInt(-2, 3));
          case OUTLIERS -> w.set(i, j, w.get(i, j) * (j % 17 == 3 ? 1e-3f : 1f));
          case SPIKES -> w.set(i, j, w.get(i, j) * (j == i % d ? 1e4f : 1f));
          case WIDE -> w.set(i, j, Math.scalb(w.get(i, j), random.nextInt(-40, 20)));
          case DENORMAL -> w.set(i, j, Math.scalb(w.get(i, j), random.nextInt(-60, 12)));
          default -> {}
        }
      }
      switch (kind) {
        case TIES -> {
          bEnc.set(0, i, random.nextInt(-1, 2));
          if (i > 0 && random.nextInt(3) == 0) {
            copyRow(w, random.nextInt(i), w, i);
          }
        }
        case NEAR_TIES -> {
          if (i > 0 && random.nextInt(4) != 0) {
            copyRow(w, random.nextInt(i), w, i);
            int j = random.nextInt(d);
            float there = w.get(i, j);
            w.set(i, j, random.nextBoolean() ? Math.nextUp(there) : Math.nextDown(there));
            bEnc.set(0, i, bEnc.get(0, 0));
          }
        }
        case ZERO -> bEnc.set(0, i, random.nextInt(-2, 3));
        case NEGATIVE -> bEnc.set(0, i, -(float) (random.nextDouble() * 4 * Math.sqrt(d)));
        default -> {}
      }
    }
    for (int b = 0; b < rows; b++) {
      for (int j = 0; j < d; j++) {
        switch (kind) {
          case TIES -> x.set(b, j, random.nextInt(-1, 2));
          case OUTLIERS -> x.set(b, j, x.get(b, j) * (j % 17 == 3 ? 1e3f : 1f));
          case WIDE -> x.set(b, j, Math.scalb(x.get(b, j), random.nextInt(-40, 20)));
          case HUGE -> x.set(b, j, Math.scalb(x.get(b, j), random.nextInt(-2, 7)));
          case PLANTED -> {
            x.set(b, j, 0.1f * x.get(b, j));
            for (int some = 0; some < 5; some++) {
              x.set(b, j, x.get(b, j) + w.get((b * 31 + some * 7) % n, j));
            }
          }
          default -> {}
        }
      }
    }
    if (kind == Kind.TIES) {
      bDec.fill(0f);
    }
    Matrix scale = scaled ? filled(memory, 1, n, random, 1f) : null;
    for (int i = 0; scaled && i < n; i++) {
      scale.set(0, i, i % 9 == 4 ? 0f : Math.abs(scale.get(0, i)));
    }
    EncoderWeights weights = new EncoderWeights(w, bEnc, bDec, scale);
    if (kind == Kind.WORST) {
      alignWithErrors(memory, weights, x, random);
    }
    return new Scene(weights, x);
  }

  private static void copyRow(Matrix from, int row, Matrix to, int at) {
    float[] values = new float[from.cols()];
    from.read(row, 1, values, 0);
    to.write(at, 1, values, 0);
  }

  /** Rows along ± (w − t f) of some latent, where its products are wrong by all of the bound. */
  private static void alignWithErrors(
      OffHeap memory, EncoderWeights weights, Matrix x, SplittableRandom random) {
    try (WorkerPool pool = new WorkerPool(1)) {
      for (int b = 0; b < x.rows(); b++) {
        ReducedCopy copy = b < 2 ? new ReducedCopy(pool, memory, weights.wEnc(), b % 2 == 0) : null;
        if (copy == null) {
          break;
        }
        for (int row = b; row < x.rows(); row += 2) {
          int latent = random.nextInt(weights.dSae());
          float sign = random.nextBoolean() ? 1e3f : -1e3f;
          for (int j = 0; j < x.cols(); j++) {
            double error =
                weights.wEnc().get(latent, j)
                    - (double) copy.units[latent] * copy.element(latent, j);
            x.set(row, j, (float) (sign * error + weights.bDec().get(0, j)));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void productsWithACopyAreWithinTheBound(Kind kind) {
    SplittableRandom random = new SplittableRandom(SEED + kind.ordinal());
    double tightest = 0;
    for (int d : new int[] {1, 3, 4, 17, 66, 301}) {
      try (OffHeap memory = new OffHeap();
          WorkerPool pool = new WorkerPool(2)) {
        Scene scene = scene(memory, kind, d, 70, 8, false, random);
        for (boolean int8 : new boolean[] {true, false}) {
          ReducedCopy copy = new ReducedCopy(pool, memory, scene.weights().wEnc(), int8);
          Screening screening = new Screening(scene.weights(), Ranked.topK(1, Relu.NONE), copy);
          for (int tile = 1; tile <= ScanKernels.MOST_ROWS; tile = tile == 1 ? 4 : 2 * tile) {
            tightest = Math.max(tightest, largestShareOfTheBound(scene, copy, screening, tile));
          }
        }
      }
    }
    assertTrue(tightest <= 1, kind + " is wrong by " + tightest + " of the bound");
    if (kind == Kind.WORST) {
      // Otherwise these rows would not be the worst, and the test would show little.
      assertTrue(tightest > 0.99, kind + " is wrong by " + tightest + " of the bound");
    }
  }

  private static double largestShareOfTheBound(
      Scene scene, ReducedCopy copy, Screening screening, int tile) {
    int d = scene.x().cols();
    int depth = copy.groups * copy.perInt;
    Screening.Row[] rows = new Screening.Row[tile];
    float[] packed = new float[depth * tile];
    boolean[] covered = new boolean[tile];
    for (int r = 0; r < tile; r++) {
      rows[r] = new Screening.Row();
      covered[r] = screening.read(scene.x(), r, rows[r]);
      for (int j = 0; j < d; j++) {
        packed[j * tile + r] = rows[r].x[j];
      }
    }
    int stride = copy.units.length;
    float[] sums = new float[tile * stride];
    int panel = io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
    if (tile == 1) {
      // In two runs, as threads share them, of which the first is odd.
      ScanKernels.multiply(copy, 0, 1, packed, sums);
      ScanKernels.multiply(copy, 1, stride / panel, packed, sums);
    } else {
      for (int p = 0; p * panel < stride; p++) {
        ScanKernels.multiply(copy, p, tile, packed, 0, sums, p * panel, stride);
      }
    }
    double largest = 0;
    for (int r = 0; r < tile; r++) {
      for (int i = 0; covered[r] && i < scene.weights().dSae(); i++) {
        float product = 0f;
        for (int j = 0; j < d; j++) {
          product = Math.fma(rows[r].x[j], scene.weights().wEnc().get(i, j), product);
        }
        double error = Math.abs(product - (double) copy.units[i] * sums[r * stride + i]);
        double bound = (double) rows[r].norm * copy.errors[i] + copy.absolute;
        largest = Math.max(largest, error / bound);
      }
    }
    return largest;
  }

  /** Activations that are screened. */
  static List<Activation> activations(int n, int k, Kind kind, SplittableRandom random) {
    List<Activation> all = new ArrayList<>();
    for (Relu relu : Relu.values()) {
      all.add(Ranked.topK(k, relu));
    }
    float size = kind == Kind.HUGE ? 0x1p122f : kind == Kind.DENORMAL ? 0x1p-148f : 3f;
    float[] each = new float[n];
    float[] gain = new float[n];
    for (int i = 0; i < n; i++) {
      each[i] = uniform(random) * size;
      gain[i] = uniform(random);
    }
    all.add(Threshold.RELU);
    all.add(Threshold.jumpRelu(kind == Kind.TIES ? 2f : size));
    all.add(Threshold.jumpRelu(each));
    all.add(Threshold.gated(new Threshold.Magnitude(gain, each)));
    return all;
  }

  private static List<Kind> kinds() {
    return List.of(Kind.values());
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void codesAreThoseOfThePlainPath(Kind kind) {
    SplittableRandom random = new SplittableRandom(SEED + kind.ordinal());
    Outcome outcome = new Outcome();
    int threads = 1;
    for (int[] shape : new int[][] {{1, 1, 1}, {5, 33, 33}, {37, 257, 7}, {130, 700, 16}}) {
      compare(kind, shape, 70, threads++, random, outcome);
    }
    assertEquals(0, outcome.different, outcome::toString);
    assertTrue(outcome.screened + outcome.multiplied > 1000, outcome::toString);
    assertTrue(Math.min(outcome.screened, outcome.multiplied) > 500, outcome::toString);
    // Of rows near overflow only those of few latents are screened.
    assertTrue(
        kind == Kind.HUGE || outcome.shared > 100,
        () -> outcome.shared + " passes shared, " + outcome);
    assertTrue(kind != Kind.HUGE || outcome.plain > 0, outcome::toString);
  }

  private static final class Outcome {
    long rows;
    long shared;
    long screened;
    long multiplied;
    long plain;
    long refused;
    long different;
    String first = "";

    void differs(String where) {
      first = different++ == 0 ? where : first;
    }

    @Override
    public String toString() {
      return different
          + " of "
          + rows
          + " codes differ, "
          + screened
          + " screened, "
          + multiplied
          + " multiplied with all, "
          + plain
          + " plain, "
          + refused
          + " refused by both "
          + first;
    }
  }

  /** Encodes rows one by one, in small batches and all at once. */
  private static void compare(
      Kind kind, int[] shape, int rows, int threads, SplittableRandom random, Outcome outcome) {
    int n = shape[1];
    for (boolean scaled : new boolean[] {false, true}) {
      try (OffHeap memory = new OffHeap();
          VectorDevice device = new VectorDevice(threads)) {
        Scene scene = scene(memory, kind, shape[0], n, rows, scaled, random);
        Matrix x = scene.x();
        SparseCodes expected = memory.codes(rows, 1);
        SparseCodes actual = memory.codes(rows, 1);
        for (Activation activation : activations(n, shape[2], kind, random)) {
          String[] refusals = new String[rows];
          boolean finite = true;
          for (int b = 0; b < rows; b++) {
            int row = b;
            refusals[b] =
                refusal(
                    () ->
                        device.encode(
                            scene.weights(), x.rows(row, 1), activation, expected.rows(row, 1)),
                    row);
            finite &= refusals[b] == null;
          }
          for (ServingPrecision precision : COPIES) {
            String where =
                kind
                    + " "
                    + Arrays.toString(shape)
                    + " "
                    + activation
                    + " "
                    + precision
                    + (scaled ? " scaled" : "")
                    + " row ";
            try (ScreenedEncoder encoder =
                (ScreenedEncoder) device.encoder(scene.weights(), activation, precision)) {
              encoder.poolBytes = threads > 1 ? 0 : encoder.poolBytes;
              int[] sizes = {1, 2, 3, 4, 5, 8, 9, rows};
              for (int from = 0, s = 0; from < rows; s++) {
                int count = finite ? Math.min(sizes[s % 7], rows - from) : 1;
                encoder.way = ScreenedEncoder.Way.values()[s % 3];
                int first = from;
                String refused =
                    refusal(
                        () -> encoder.encode(x.rows(first, count), actual.rows(first, count)),
                        first);
                for (int b = from; b < from + count; b++) {
                  outcome.rows++;
                  if (refusals[b] != null || refused != null) {
                    outcome.refused++;
                    if (!String.valueOf(refusals[b]).equals(String.valueOf(refused))) {
                      outcome.differs(where + b + " " + refusals[b] + " " + refused);
                    }
                  } else if (!same(expected, actual, b)) {
                    outcome.differs(where + b);
                  }
                }
                from += count;
              }
              if (finite) {
                encoder.way = ScreenedEncoder.Way.CHEAPEST;
                encoder.encode(x, actual);
                for (int b = 0; b < rows; b++) {
                  outcome.rows++;
                  if (!same(expected, actual, b)) {
                    outcome.differs(where + b + " in a batch of " + rows);
                  }
                }
              }
              outcome.screened += encoder.counts.screened;
              outcome.multiplied += encoder.counts.multiplied;
              outcome.plain += encoder.counts.plain;
              outcome.shared += encoder.counts.shared;
            }
          }
        }
      }
    }
  }

  private static String refusal(Runnable call, int row) {
    try {
      call.run();
      return null;
    } catch (NonFiniteException e) {
      return e.shifted(row).getMessage();
    }
  }

  static boolean same(SparseCodes a, SparseCodes b, int row) {
    boolean same = a.length(row) == b.length(row);
    for (int slot = 0; same && slot < a.length(row); slot++) {
      same =
          a.index(row, slot) == b.index(row, slot)
              && Float.floatToRawIntBits(a.value(row, slot))
                  == Float.floatToRawIntBits(b.value(row, slot));
    }
    return same;
  }

  /**
   * Every latent's threshold is its rank or a neighbour of it, so that each is found only if its
   * bound is at least its rank: with biases that dwarf products or cancel them, and any scales.
   */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void boundsAreAtLeastTheRanks(Kind kind) {
    SplittableRandom random = new SplittableRandom(SEED + 77 * kind.ordinal());
    int d = 33;
    int n = 200;
    int active = 0;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(1)) {
      for (int variant = 0; variant < 12; variant++) {
        boolean scaled = variant % 2 == 1;
        Scene scene = scene(memory, kind, d, n, 1, scaled, random);
        EncoderWeights weights = scene.weights();
        for (int j = 0; kind == Kind.HUGE && j < d; j++) {
          // As it is, the row is too large to be screened.
          scene.x().set(0, j, scene.x().get(0, j) * 0x1p-16f);
          weights.bDec().set(0, j, 0f);
        }
        float[] nextTo = new float[n];
        int side = variant % 3;
        for (int i = 0; i < n; i++) {
          float p = 0f;
          for (int j = 0; j < d; j++) {
            float x = scene.x().get(0, j) - weights.bDec().get(0, j);
            p = Math.fma(x, weights.wEnc().get(i, j), p);
          }
          switch (variant / 3) {
            case 1 ->
                weights.bEnc().set(0, i, Math.clamp(uniform(random) * 1e6f * p, -1e30f, 1e30f));
            case 2 -> weights.bEnc().set(0, i, -p);
            case 3 -> weights.bEnc().set(0, i, Math.nextUp(-p));
            default -> {}
          }
          if (scaled) {
            weights
                .rankScale()
                .set(0, i, Math.scalb(1f + random.nextInt(8), random.nextInt(-126, 20)));
          }
          float pre = p + weights.bEnc().get(0, i);
          float rank = scaled ? pre * weights.rankScale().get(0, i) : pre;
          nextTo[i] = side == 0 ? rank : side == 1 ? Math.nextDown(rank) : Math.nextUp(rank);
          nextTo[i] = Float.isNaN(nextTo[i]) ? 0f : nextTo[i];
        }
        Threshold threshold = Threshold.jumpRelu(nextTo);
        SparseCodes expected = memory.codes(1, 1);
        SparseCodes actual = memory.codes(1, 1);
        String refused = said(() -> device.encode(weights, scene.x(), threshold, expected));
        for (ServingPrecision precision : COPIES) {
          try (ScreenedEncoder encoder =
              (ScreenedEncoder) device.encoder(weights, threshold, precision)) {
            encoder.way = ScreenedEncoder.Way.ONE_BY_ONE;
            assertEquals(refused, said(() -> encoder.encode(scene.x(), actual)));
            if (refused.equals("nothing")) {
              assertTrue(same(expected, actual, 0), kind + " " + precision + " " + variant);
              active += encoder.counts.screened == 1 ? actual.length(0) : 0;
            }
          }
        }
      }
    }
    // Zero rows with biases of the same size cancel to nothing.
    assertTrue(active > 200, kind + ": " + active + " latents");
  }

  @Test
  void theOracleAgrees() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2);
        ScalarDevice oracle = new ScalarDevice()) {
      for (Kind kind : new Kind[] {Kind.RANDOM, Kind.TIES, Kind.NEGATIVE}) {
        Scene scene = scene(memory, kind, 41, 300, 20, false, random);
        for (Activation activation : activations(300, 9, kind, random)) {
          SparseCodes expected = memory.codes(20, 1);
          SparseCodes actual = memory.codes(20, 1);
          oracle.encode(scene.weights(), scene.x(), activation, expected);
          for (ServingPrecision precision : COPIES) {
            try (ScreenedEncoder encoder =
                (ScreenedEncoder) device.encoder(scene.weights(), activation, precision)) {
              for (ScreenedEncoder.Way way : ScreenedEncoder.Way.values()) {
                encoder.way = way;
                encoder.encode(scene.x(), actual);
                for (int b = 0; b < 20; b++) {
                  assertTrue(same(expected, actual, b), kind + " " + activation + " row " + b);
                }
              }
              assertEquals(60, encoder.counts.screened + encoder.counts.multiplied);
              assertTrue(Math.min(encoder.counts.screened, encoder.counts.multiplied) >= 20);
            }
          }
        }
      }
    }
  }

  @Test
  void manyRowsOfTopKTakeThePlainPath() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = ServingPrecision.MANY_ROWS;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, rows, false, random);
      SparseCodes expected = memory.codes(rows, 5);
      SparseCodes actual = memory.codes(rows, 5);
      Ranked topK = Ranked.topK(5, Relu.BEFORE);
      device.encode(scene.weights(), scene.x(), topK, expected);
      try (ScreenedEncoder encoder =
          (ScreenedEncoder) device.encoder(scene.weights(), topK, ServingPrecision.INT8)) {
        encoder.encode(scene.x(), actual);
        assertEquals(rows, encoder.counts.plain);
        encoder.encode(scene.x().firstRows(rows - 1), actual.firstRows(rows - 1));
        assertEquals(rows, encoder.counts.plain);
      }
      for (int b = 0; b < rows; b++) {
        assertTrue(same(expected, actual, b), "row " + b);
      }
    }
  }

  @Test
  void fewLatentsAreComputedTwice() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 256, 4096, 40, false, random);
      SparseCodes codes = memory.codes(40, 16);
      for (ServingPrecision precision : COPIES) {
        try (ScreenedEncoder encoder =
            (ScreenedEncoder)
                device.encoder(scene.weights(), Ranked.topK(16, Relu.BEFORE), precision)) {
          assertEquals(precision, encoder.precision());
          encoder.encode(scene.x(), codes);
          assertEquals(40, encoder.counts.screened);
          assertEquals(0, encoder.counts.plain);
          long each = encoder.counts.candidates / 40;
          assertTrue(each >= 16 && each < 64, precision + ": " + each + " candidates a row");
        }
      }
    }
  }

  @Test
  void rowsThatAreNotFiniteAreReportedAsEver() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, 6, false, random);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.MAX_VALUE}) {
        scene.x().set(4, 3, bad);
        for (Activation activation : activations(100, 5, Kind.RANDOM, random)) {
          SparseCodes codes = memory.codes(6, 5);
          NonFiniteException expected =
              assertThrows(
                  NonFiniteException.class,
                  () -> device.encode(scene.weights(), scene.x(), activation, codes));
          for (ServingPrecision precision : COPIES) {
            try (ScreenedEncoder encoder =
                (ScreenedEncoder) device.encoder(scene.weights(), activation, precision)) {
              NonFiniteException actual =
                  assertThrows(NonFiniteException.class, () -> encoder.encode(scene.x(), codes));
              assertEquals(expected.getMessage(), actual.getMessage());
              assertEquals(4, actual.row());
              assertTrue(encoder.counts.plain > 0);
            }
          }
        }
      }
    }
  }

  /** In any place: of a panel the first, the last and one between. */
  @Test
  void weightsThatAreNotFiniteAreReportedAsEver() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, 6, false, random);
      Matrix w = scene.weights().wEnc();
      SparseCodes codes = memory.codes(6, 5);
      for (int latent : new int[] {0, 5, 15, 16, 31, 99}) {
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
          float good = w.get(latent, 7);
          w.set(latent, 7, bad);
          for (Activation activation : activations(100, 5, Kind.RANDOM, random)) {
            String expected =
                said(() -> device.encode(scene.weights(), scene.x(), activation, codes));
            for (ServingPrecision precision : COPIES) {
              try (Encoder encoder = device.encoder(scene.weights(), activation, precision)) {
                assertEquals(
                    expected, said(() -> encoder.encode(scene.x(), codes)), activation::toString);
              }
            }
          }
          w.set(latent, 7, good);
        }
      }
    }
  }

  /** What a call says of values that are not finite. */
  private static String said(Runnable call) {
    try {
      call.run();
      return "nothing";
    } catch (NonFiniteException e) {
      return e.getMessage();
    }
  }

  /** Where half of the latents are active, reading the copy is of no use but now and then. */
  @Test
  void denseRowsAreMultipliedWithAllLatents() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 40;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 40, 3000, rows, false, random);
      SparseCodes expected = memory.codes(rows, 1);
      SparseCodes actual = memory.codes(rows, 1);
      device.encode(scene.weights(), scene.x(), Threshold.RELU, expected);
      try (ScreenedEncoder encoder =
          (ScreenedEncoder)
              device.encoder(scene.weights(), Threshold.RELU, ServingPrecision.INT8)) {
        int calls = 100;
        for (int call = 0; call < calls; call++) {
          encoder.encode(scene.x(), actual);
          for (int b = 0; b < rows; b++) {
            assertTrue(same(expected, actual, b), "call " + call + " row " + b);
          }
        }
        ScreenedEncoder.Counts counts = encoder.counts;
        assertEquals((long) calls * rows, counts.multiplied);
        long readBy = counts.read / rows;
        assertTrue(readBy >= 2 && readBy <= 10, readBy + " of " + calls + " read the copy");
        // A single row's candidates cost less than all latents.
        encoder.encode(scene.x().firstRows(1), actual.firstRows(1));
        assertEquals(1, counts.screened);
      }
    }
  }

  /** Of several rows those with many candidates are multiplied with all, the others are not. */
  @Test
  void denseAndSparseRowsOfABatchPart() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 12;
    int d = 32;
    int n = 4000;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Matrix x = filled(memory, rows, d, random, 0.02f);
      for (int b = 0; b < rows; b += 2) {
        for (int j = 0; j < d; j++) {
          x.set(b, j, 100 * x.get(b, j));
        }
      }
      EncoderWeights weights =
          new EncoderWeights(filled(memory, n, d, random, 1f), memory.vector(n), null, null);
      Threshold threshold = Threshold.jumpRelu(0.3f);
      SparseCodes expected = memory.codes(rows, 1);
      SparseCodes actual = memory.codes(rows, 1);
      device.encode(weights, x, threshold, expected);
      try (ScreenedEncoder encoder =
          (ScreenedEncoder) device.encoder(weights, threshold, ServingPrecision.INT8)) {
        encoder.encode(x, actual);
        assertEquals(6, encoder.counts.multiplied);
        assertEquals(6, encoder.counts.screened);
        assertEquals(12, encoder.counts.read);
        for (int b = 0; b < rows; b++) {
          assertTrue(same(expected, actual, b), "row " + b);
        }
      }
    }
  }

  /** TopK after ReLU with fewer than k positive ranks is screened, also where ranks are scaled. */
  @Test
  void ranksOfZeroAreScreened() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 30;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      for (Kind kind : new Kind[] {Kind.NEGATIVE, Kind.RANDOM}) {
        Scene scene = scene(memory, kind, 16, 400, rows, true, random);
        for (int i = 0; i < 400; i++) {
          switch (i % 4) {
            case 0 -> scene.weights().rankScale().set(0, i, 0f);
            case 1 -> scene.weights().rankScale().set(0, i, Float.MIN_VALUE);
            default -> {
              if (kind == Kind.RANDOM) {
                scene.weights().bEnc().set(0, i, -1e3f);
              }
            }
          }
        }
        Ranked topK = Ranked.topK(250, Relu.BEFORE);
        SparseCodes expected = memory.codes(rows, 250);
        SparseCodes actual = memory.codes(rows, 250);
        device.encode(scene.weights(), scene.x(), topK, expected);
        try (ScreenedEncoder encoder =
            (ScreenedEncoder) device.encoder(scene.weights(), topK, ServingPrecision.INT8)) {
          encoder.way = ScreenedEncoder.Way.ONE_BY_ONE;
          encoder.encode(scene.x(), actual);
          assertEquals(rows, encoder.counts.screened);
          int positive = 0;
          for (int b = 0; b < rows; b++) {
            assertTrue(same(expected, actual, b), kind + " row " + b);
            for (int slot = 0; slot < 250; slot++) {
              boolean scaledAway = actual.index(b, slot) % 4 == 0;
              positive += scaledAway && actual.value(b, slot) > 0 ? 1 : 0;
            }
          }
          // Fillers whose value is not 0 although their rank is.
          assertTrue(kind == Kind.NEGATIVE || positive > 100, kind + ": " + positive);
        }
      }
    }
  }

  /** Rows that are not covered and follow each other are one call of the plain path. */
  @Test
  void rowsThatAreNotCoveredGoTogether() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 30;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2);
        WorkerPool pool = new WorkerPool(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 300, rows, false, random);
      // Finite in every product, but so large that the bound might overflow.
      for (int b : new int[] {3, 4, 5, 6, 15, 29}) {
        for (int j = 0; j < 20; j++) {
          scene.x().set(b, j, scene.x().get(b, j) * 0x1p98f);
        }
      }
      List<Integer> calls = new ArrayList<>();
      Kernels counted =
          (Kernels)
              Proxy.newProxyInstance(
                  Kernels.class.getClassLoader(),
                  new Class<?>[] {Kernels.class},
                  (proxy, method, arguments) -> {
                    calls.add(((Matrix) arguments[1]).rows());
                    return method.invoke(device, arguments);
                  });
      for (Activation activation : activations(300, 9, Kind.RANDOM, random)) {
        SparseCodes expected = memory.codes(rows, 9);
        SparseCodes actual = memory.codes(rows, 9);
        device.encode(scene.weights(), scene.x(), activation, expected);
        calls.clear();
        try (ScreenedEncoder encoder =
            new ScreenedEncoder(
                pool, counted, scene.weights(), activation, ServingPrecision.INT8)) {
          encoder.encode(scene.x(), actual);
          assertEquals(List.of(4, 1, 1), calls);
          assertEquals(6, encoder.counts.plain);
          assertEquals(24, encoder.counts.screened + encoder.counts.multiplied);
        }
        for (int b = 0; b < rows; b++) {
          assertTrue(same(expected, actual, b), activation + " row " + b);
        }
      }
    }
  }

  /** Of two rows that are refused for different reasons the first is named. */
  @Test
  void theFirstOfSeveralBadRowsIsNamed() {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 8;
    float[] gain = new float[100];
    float[] bias = new float[100];
    Arrays.fill(gain, 1f);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, rows, false, random);
      Matrix fixed = filled(memory, 1, 20, random, 1f);
      Matrix x = scene.x();
      // A gate that opens for row 2 or 5 only, to a magnitude that is not finite.
      gain[7] = Float.MAX_VALUE;
      bias[7] = Float.MAX_VALUE;
      scene.weights().bEnc().set(0, 7, -1e4f);
      for (int[] order : new int[][] {{2, 5}, {5, 2}}) {
        for (int b = 0; b < rows; b++) {
          x.write(b, 1, fixed.toArray(), 0);
        }
        for (int j = 0; j < 20; j++) {
          x.set(order[0], j, 1e5f * scene.weights().wEnc().get(7, j));
        }
        x.set(order[1], 3, Float.NaN);
        Threshold gated = Threshold.gated(new Threshold.Magnitude(gain, bias));
        SparseCodes codes = memory.codes(rows, 1);
        String expected = said(() -> device.encode(scene.weights(), x, gated, codes));
        assertTrue(expected.contains("row 2"), expected);
        for (ServingPrecision precision : COPIES) {
          for (ScreenedEncoder.Way way : ScreenedEncoder.Way.values()) {
            try (ScreenedEncoder encoder =
                (ScreenedEncoder) device.encoder(scene.weights(), gated, precision)) {
              encoder.way = way;
              assertEquals(expected, said(() -> encoder.encode(x, codes)));
            }
          }
        }
      }
    }
  }

  /** b_enc, b_dec, rank scales, gains and magnitudes' biases that are not finite. */
  @Test
  void vectorsThatAreNotFiniteAreReportedAsEver() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, 6, true, random);
      SparseCodes codes = memory.codes(6, 5);
      Matrix[] vectors = {
        scene.weights().bEnc(), scene.weights().bDec(), scene.weights().rankScale()
      };
      for (int v = 0; v <= vectors.length; v++) {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, -0f}) {
          float good = v < vectors.length ? vectors[v].get(0, 11) : 0;
          float[] gain = new float[100];
          float[] bias = new float[100];
          Arrays.fill(gain, 1f);
          if (v < vectors.length) {
            vectors[v].set(0, 11, bad);
          } else {
            gain[11] = bad;
            bias[12] = bad;
          }
          List<Activation> all = activations(100, 5, Kind.RANDOM, random);
          all.add(Threshold.gated(new Threshold.Magnitude(gain, bias)));
          for (Activation activation : all) {
            String expected =
                said(() -> device.encode(scene.weights(), scene.x(), activation, codes));
            for (ServingPrecision precision : COPIES) {
              for (ScreenedEncoder.Way way : ScreenedEncoder.Way.values()) {
                try (ScreenedEncoder encoder =
                    (ScreenedEncoder) device.encoder(scene.weights(), activation, precision)) {
                  encoder.way = way;
                  assertEquals(
                      expected, said(() -> encoder.encode(scene.x(), codes)), activation::toString);
                }
              }
            }
          }
          if (v < vectors.length) {
            vectors[v].set(0, 11, good);
          }
        }
      }
    }
  }

  /** A rank scale below 0 is against the contract; it makes no other code than elsewhere. */
  @Test
  void negativeRankScalesAreNotScreened() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        ScalarDevice oracle = new ScalarDevice();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 1000, 6, true, random);
      for (int i = 0; i < 1000; i += 50) {
        // A high rank, unless ReLU comes first.
        scene.weights().rankScale().set(0, i, -2f);
        scene.weights().bEnc().set(0, i, -50f);
      }
      SparseCodes expected = memory.codes(6, 5);
      SparseCodes actual = memory.codes(6, 5);
      for (Activation activation : activations(1000, 5, Kind.RANDOM, random)) {
        oracle.encode(scene.weights(), scene.x(), activation, expected);
        device.encode(scene.weights(), scene.x(), activation, actual);
        for (int b = 0; b < 6; b++) {
          assertTrue(same(expected, actual, b), activation + " row " + b);
        }
        try (Encoder encoder = device.encoder(scene.weights(), activation, ServingPrecision.INT8)) {
          assertEquals(ServingPrecision.F32, encoder.precision());
          encoder.encode(scene.x(), actual);
        }
        for (int b = 0; b < 6; b++) {
          assertTrue(same(expected, actual, b), activation + " row " + b);
        }
      }
    }
  }

  /** With a threshold below 0 a latent must still be positive to be in a code. */
  @Test
  void negativeThresholdsMakeNoMoreCandidates() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.NEGATIVE, 64, 1000, 20, false, random);
      SparseCodes codes = memory.codes(20, 1);
      long[] candidates = new long[2];
      for (int t = 0; t < 2; t++) {
        try (ScreenedEncoder encoder =
            (ScreenedEncoder)
                device.encoder(
                    scene.weights(), Threshold.jumpRelu(-1e3f * t), ServingPrecision.INT8)) {
          encoder.way = ScreenedEncoder.Way.ONE_BY_ONE;
          encoder.encode(scene.x(), codes);
          candidates[t] = encoder.counts.candidates;
        }
      }
      assertEquals(candidates[0], candidates[1]);
    }
  }

  static List<Activation> calledByMany() {
    return List.of(Ranked.topK(9, Relu.BEFORE), Threshold.RELU);
  }

  @ParameterizedTest
  @MethodSource("calledByMany")
  void manyMayCallAtOnce(Activation activation) throws Exception {
    SplittableRandom random = new SplittableRandom(SEED);
    int rows = 40;
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 64, 2000, rows, false, random);
      SparseCodes expected = memory.codes(rows, 9);
      device.encode(scene.weights(), scene.x(), activation, expected);
      for (ScreenedEncoder.Way way : ScreenedEncoder.Way.values()) {
        try (ScreenedEncoder encoder =
                (ScreenedEncoder)
                    device.encoder(scene.weights(), activation, ServingPrecision.INT8);
            ExecutorService callers = Executors.newFixedThreadPool(4)) {
          encoder.poolBytes = 0;
          encoder.way = way;
          List<Future<Integer>> wrong = new ArrayList<>();
          for (int caller = 0; caller < 4; caller++) {
            int step = 1 + 4 * caller;
            SparseCodes actual = memory.codes(step, 9);
            wrong.add(
                callers.submit(
                    () -> {
                      int different = 0;
                      for (int round = 0; round < 10; round++) {
                        for (int from = 0; from < rows; from += step) {
                          int count = Math.min(step, rows - from);
                          encoder.encode(scene.x().rows(from, count), actual.firstRows(count));
                          for (int b = 0; b < count; b++) {
                            SparseCodes theirs = expected.rows(from, count);
                            different += same(theirs, actual.firstRows(count), b) ? 0 : 1;
                          }
                        }
                      }
                      return different;
                    }));
          }
          for (Future<Integer> each : wrong) {
            assertEquals(0, each.get(), way::toString);
          }
        }
      }
    }
  }

  /** Chains longer than what is packed at a time go on from where the last part ended. */
  @ParameterizedTest
  @ValueSource(ints = {1023, 1024, 1025, 2100})
  void longRowsAreMultipliedPartByPart(int d) {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, d, 300, 40, false, random);
      try (ScreenedEncoder encoder =
          (ScreenedEncoder)
              device.encoder(scene.weights(), Threshold.RELU, ServingPrecision.INT8)) {
        encoder.way = ScreenedEncoder.Way.ALL;
        for (int rows : new int[] {1, 9, 17, 33, 40}) {
          SparseCodes expected = memory.codes(rows, 1);
          SparseCodes actual = memory.codes(rows, 1);
          Matrix x = scene.x().firstRows(rows);
          device.encode(scene.weights(), x, Threshold.RELU, expected);
          long before = encoder.counts.multiplied;
          encoder.encode(x, actual);
          assertEquals(rows, encoder.counts.multiplied - before);
          for (int b = 0; b < rows; b++) {
            assertTrue(same(expected, actual, b), rows + " rows, row " + b);
          }
        }
      }
    }
  }

  @Test
  void aClosedEncoderEncodesNothing() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(2)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, 120, false, random);
      for (int rows : new int[] {0, 1, 120}) {
        Encoder encoder =
            device.encoder(scene.weights(), Ranked.topK(5, Relu.BEFORE), ServingPrecision.INT8);
        encoder.close();
        SparseCodes codes = memory.codes(rows, 5);
        assertThrows(
            IllegalStateException.class, () -> encoder.encode(scene.x().firstRows(rows), codes));
      }
    }
  }

  @Test
  void otherActivationsAndSmallWeightsHaveNoCopy() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (OffHeap memory = new OffHeap();
        VectorDevice device = new VectorDevice(1)) {
      Scene scene = scene(memory, Kind.RANDOM, 20, 100, 6, false, random);
      Ranked magnitude = new Ranked(Ranked.Scope.ROW, 3, Ranked.Order.MAGNITUDE, Relu.NONE);
      assertEquals(
          ServingPrecision.F32,
          device.encoder(scene.weights(), magnitude, ServingPrecision.INT8).precision());
      Ranked topK = Ranked.topK(3, Relu.BEFORE);
      assertEquals(
          ServingPrecision.F32,
          device.encoder(scene.weights(), topK, ServingPrecision.AUTO).precision());
      EncoderWeights large =
          new EncoderWeights(
              memory.matrix(4096, 512), memory.vector(4096), memory.vector(512), null);
      assertEquals(
          ServingPrecision.INT8, device.encoder(large, topK, ServingPrecision.AUTO).precision());
    }
  }
}
