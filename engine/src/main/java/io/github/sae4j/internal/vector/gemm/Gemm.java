package io.github.sae4j.internal.vector.gemm;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.TILE;

import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.memory.Matrix;
import java.util.Arrays;

/**
 * General matrix product on register tiles. Rows of the left operand are packed once; threads claim
 * groups of panels of the right one. A long inner index is cut into blocks whose chains continue
 * from the stored result, without extra rounding.
 */
public final class Gemm {
  /**
   * One product {@code out = op(a) op(b)}.
   *
   * @param a left operand, {@code [m, inner]}, or {@code [inner, m]} if transposed
   * @param transposeA whether the left operand is transposed
   * @param b right operand, {@code [inner, n]}, or {@code [n, inner]} if transposed
   * @param transposeB whether the right operand is transposed
   * @param out the result {@code [m, n]}; none of its rows may lie in an operand
   * @param m rows of the result
   * @param n columns of the result
   * @param inner length of the chains
   * @param goOn whether the chains continue from the content of {@code out}; otherwise they start
   *     from +0
   */
  public record Product(
      Rows a,
      boolean transposeA,
      Rows b,
      boolean transposeB,
      Rows out,
      int m,
      int n,
      int inner,
      boolean goOn) {}

  /** Rows of the left operand packed at a time. */
  private static final int ROWS = 340 * TILE;

  /** Inner index of one block. */
  private static final int DEPTH = 2048;

  /**
   * Packed panels of one group, in bytes. A tile stays in L1 while the panels of a group stream
   * past it. Measured at d = 768: 512 KiB 910 ms, 1 MiB 870 ms, 2 MiB 810 ms, 8 MiB 940 ms.
   */
  private static final int GROUP_BYTES = 2048 << 10;

  private static final class Worker {
    float[] rows = {};
    float[] panels = {};

    /**
     * A tile's rows of the result across a group of panels, {@code [TILE][group * PANEL]}; beyond
     * the result's edges its content is undefined.
     */
    float[] strip = {};

    float[] rows(int floats) {
      if (rows.length < floats) {
        rows = new float[floats];
      }
      return rows;
    }
  }

  private final WorkerPool pool;
  private final Worker[] workers;
  private float[] packed = {};

  public Gemm(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /** Floats of the packed left operand of a product. */
  public static long packedFloats(int m, int inner) {
    return (Math.min(ROWS, m) + TILE - 1L) / TILE * TILE * Math.min(DEPTH, inner);
  }

  /** Floats of one worker's scratch for a product. */
  public static long workerFloats(int n, int inner, int threads) {
    int depth = Math.min(DEPTH, inner);
    int group = group(n, depth, threads);
    return (long) depth * (group * PANEL + Math.max(TILE, PANEL)) + (long) TILE * group * PANEL;
  }

  /** Panels packed together: as many as fit the cache, but at least a few groups per thread. */
  private static int group(int n, int depth, int threads) {
    int most = Math.max(1, GROUP_BYTES / (4 * depth * PANEL));
    return Math.max(1, Math.min(most, Packing.panels(n) / (4 * threads)));
  }

  /** {@code out = op(a) op(b)}; the caller has checked the shapes. */
  public void run(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    int inner = transposeA ? a.rows() : a.cols();
    if (inner == 0) {
      out.fill(0f);
      return;
    }
    run(
        new Product(
            Rows.of(a),
            transposeA,
            Rows.of(b),
            transposeB,
            Rows.of(out),
            out.rows(),
            out.cols(),
            inner,
            false));
  }

  /** Runs a product; its inner index has at least one element. */
  public synchronized void run(Product product) {
    for (int row = 0; row < product.m; row += ROWS) {
      int rows = Math.min(ROWS, product.m - row);
      for (int from = 0; from < product.inner; from += DEPTH) {
        int depth = Math.min(DEPTH, product.inner - from);
        packLeft(product, row, rows, from, depth);
        multiply(product, row, rows, from, depth);
      }
    }
  }

  private void packLeft(Product product, int row, int rows, int from, int depth) {
    int tiles = Packing.tiles(rows);
    int size = tiles * TILE * depth;
    if (packed.length < size) {
      packed = new float[size];
    }
    pool.run(
        tiles,
        (t, w) -> {
          int first = t * TILE;
          int count = Math.min(TILE, rows - first);
          boolean across = product.transposeA;
          pack(product.a, across, row + first, count, TILE, from, depth, w, packed, first * depth);
        });
  }

  /**
   * Packs vectors of an operand.
   *
   * @param across whether the inner index runs across the operand's rows instead of along them
   */
  private void pack(
      Rows operand,
      boolean across,
      int first,
      int count,
      int width,
      int from,
      int depth,
      int worker,
      float[] out,
      int at) {
    if (across) {
      for (int p = 0; p < depth; p++) {
        int target = at + p * width;
        operand.read(from + p, first, count, out, target);
        Arrays.fill(out, target + count, target + width, 0f);
      }
      return;
    }
    float[] rows = workers[worker].rows(width * depth);
    for (int r = 0; r < count; r++) {
      operand.read(first + r, from, depth, rows, r * depth);
    }
    Packing.pack(rows, 0, depth, count, depth, width, out, at);
  }

  private void multiply(Product product, int row, int rows, int from, int depth) {
    int panelFloats = depth * PANEL;
    int panels = Packing.panels(product.n);
    int group = group(product.n, depth, pool.size());
    pool.run(
        (panels + group - 1) / group,
        (task, w) -> {
          Worker worker = workers[w];
          if (worker.panels.length < group * panelFloats) {
            worker.panels = new float[group * panelFloats];
          }
          if (worker.strip.length < TILE * group * PANEL) {
            worker.strip = new float[TILE * group * PANEL];
          }
          int first = task * group;
          int count = Math.min(group, panels - first);
          for (int g = 0; g < count; g++) {
            int column = (first + g) * PANEL;
            int columns = Math.min(PANEL, product.n - column);
            boolean across = !product.transposeB;
            int at = g * panelFloats;
            pack(product.b, across, column, columns, PANEL, from, depth, w, worker.panels, at);
          }
          for (int tile = 0; tile < Packing.tiles(rows); tile++) {
            strip(worker, product, row, rows, tile, first * PANEL, count, from, depth);
          }
        });
  }

  /**
   * One tile against a group of panels. The result is written in runs as long as the group: single
   * vectors, a row of the result apart, would compete for the same cache sets.
   */
  private void strip(
      Worker worker,
      Product product,
      int row,
      int rows,
      int tile,
      int column,
      int panels,
      int from,
      int depth) {
    int first = row + tile * TILE;
    int tileRows = Math.min(TILE, rows - tile * TILE);
    int columns = Math.min(panels * PANEL, product.n - column);
    int width = panels * PANEL;
    boolean goOn = from > 0 || product.goOn;
    if (goOn) {
      for (int r = 0; r < tileRows; r++) {
        product.out.read(first + r, column, columns, worker.strip, r * width);
      }
    }
    for (int g = 0; g < panels; g++) {
      int at = g * PANEL;
      MicroKernels.multiply(
          packed,
          tile * TILE * depth,
          worker.panels,
          g * depth * PANEL,
          depth,
          goOn,
          worker.strip,
          at,
          width);
    }
    for (int r = 0; r < tileRows; r++) {
      product.out.write(first + r, column, columns, worker.strip, r * width);
    }
  }
}
