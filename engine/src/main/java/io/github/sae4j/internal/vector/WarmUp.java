package io.github.sae4j.internal.vector;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.internal.vector.select.TopKEncoding;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Runs the kernels that take longest until they are compiled on tiny operands, on a thread of its
 * own while the process opens its data. Until C2 has compiled a kernel, each of its vectors is an
 * object; all threads of a first step would compute like that, and take the compiler's core
 * besides. Operands are chosen so that methods are compiled because they were called often, not
 * replaced within a loop, which takes a compilation more.
 */
final class WarmUp {
  /** Calls after which HotSpot compiles a method for good that loops as often as these. */
  private static final int CALLS = 900;

  /** Length of the tile's loop: the tile is called 600 times before it has looped 15000 times. */
  private static final int DEPTH = 24;

  private static final int TILES = 4;
  private static final int PANELS = 8;
  private static final int K = 32;
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private WarmUp() {}

  /**
   * Begins, once in a process; not where there is no other core to do it, or the caller wants one
   * thread only. The width of vectors is fixed when this returns.
   */
  static void begin(int threads) {
    boolean cores = Math.min(threads, Runtime.getRuntime().availableProcessors()) > 1;
    if (LENGTH > 0 && cores && BEGUN.compareAndSet(false, true)) {
      Thread.ofPlatform().name("sae4j-warm-up").daemon().start(WarmUp::runIfPossible);
    }
  }

  private static void runIfPossible() {
    try {
      run();
    } catch (RuntimeException | OutOfMemoryError e) {
      // What uses the device will say what is wrong, if it still is.
      System.getLogger(WarmUp.class.getName()).log(System.Logger.Level.DEBUG, "not warmed", e);
    }
  }

  /** Runs all kernels; takes some tenths of a second on its first call. */
  static void run() {
    encode();
    combine();
  }

  /** Product and selection, with ranks that are the values and ranks that are not. */
  private static void encode() {
    int rows = TILES * TILE;
    int latents = PANELS * PANEL;
    int stride = Vectors.padded(DEPTH);
    try (OffHeap memory = new OffHeap();
        WorkerPool pool = new WorkerPool(1)) {
      SplittableRandom random = new SplittableRandom(1);
      Matrix x = random(memory, rows, random);
      Matrix weights = random(memory, latents, random);
      float[] bias = new float[latents];
      float[] ones = new float[latents];
      Arrays.fill(ones, 1f);
      float[] kept = new float[rows * stride];
      float[] packed = new float[rows * DEPTH];
      float[] bDec = new float[DEPTH];
      TopKEncoding encoding = new TopKEncoding(pool);
      HeapCodes codes = new HeapCodes();
      for (int i = 0; i < CALLS / (TILES * PANELS); i++) {
        encoding.packRows(x, 0, rows, bDec, kept, stride, packed);
        float[] scale = i % 2 == 0 ? ones : null;
        TopKEncoding.Spec spec = new TopKEncoding.Spec(weights, null, bias, scale, Relu.AFTER);
        encoding.run(spec, packed, rows, K, codes, 0, null);
      }
    }
  }

  private static Matrix random(OffHeap memory, int rows, SplittableRandom random) {
    Matrix matrix = memory.matrix(rows, DEPTH);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < DEPTH; j++) {
        matrix.set(i, j, (float) random.nextDouble() - 0.5f);
      }
    }
    return matrix;
  }

  /** Dot products and weighted sums of rows, in runs of 16 and of 8 vectors. */
  private static void combine() {
    int count = 12;
    int width = 24 * LENGTH;
    float[] rows = new float[count * width];
    float[] row = new float[width];
    float[] numbers = new float[count];
    int[] rowAt = new int[count];
    Arrays.setAll(rowAt, r -> r * width);
    for (int i = 0; i < CALLS; i++) {
      RowArithmetic.dots(row, 0, rows, rowAt, 0, count, width, numbers, 0);
      RowArithmetic.combine(numbers, 0, rowAt, 0, count, rows, width, row, 0);
    }
  }
}
