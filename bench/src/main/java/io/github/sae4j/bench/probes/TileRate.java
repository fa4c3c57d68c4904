package io.github.sae4j.bench.probes;

import io.github.sae4j.internal.vector.gemm.MicroKernels;
import io.github.sae4j.internal.vector.runtime.Vectors;
import java.util.Arrays;

/**
 * The product's register tile alone: one tile of rows and some panels of weights, packed already
 * and in the caches. What a whole product falls short of it are packing, memory and waiting.
 */
public final class TileRate {
  private static final int DEPTH = 768;
  private static final int PANELS = 8;
  private static final int RUNS = 1024;

  private TileRate() {}

  /** Floating-point operations of one {@link #run}, all threads together. */
  public static double flops(int threads) {
    return 2.0 * Vectors.TILE * Vectors.PANEL * DEPTH * RUNS * threads;
  }

  /**
   * Multiplies.
   *
   * @param threads how many at once, each with operands of its own
   * @return whether every element of every last tile is right
   */
  public static boolean run(int threads) {
    boolean[] right = new boolean[threads];
    Parallel.run(threads, index -> right[index] = tiles());
    for (boolean one : right) {
      if (!one) {
        return false;
      }
    }
    return true;
  }

  private static boolean tiles() {
    float[] rows = new float[Vectors.TILE * DEPTH];
    float[] panels = new float[PANELS * Vectors.PANEL * DEPTH];
    float[] out = new float[Vectors.TILE * Vectors.PANEL];
    Arrays.fill(rows, 1f);
    Arrays.fill(panels, 0.5f);
    for (int i = 0; i < RUNS; i++) {
      int panel = i % PANELS * Vectors.PANEL * DEPTH;
      MicroKernels.multiply(rows, 0, panels, panel, DEPTH, false, out, 0, Vectors.PANEL);
    }
    for (float one : out) {
      if (one != 0.5f * DEPTH) {
        return false;
      }
    }
    return true;
  }
}
