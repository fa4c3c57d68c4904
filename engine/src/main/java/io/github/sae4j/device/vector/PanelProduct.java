package io.github.sae4j.device.vector;

import static io.github.sae4j.device.vector.Vectors.LENGTH;
import static io.github.sae4j.device.vector.Vectors.PANEL;
import static io.github.sae4j.device.vector.Vectors.SPECIES;
import static io.github.sae4j.device.vector.Vectors.TILE;

import io.github.sae4j.memory.Matrix;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * General matrix product on register tiles. Rows of the left operand are packed once; threads claim
 * groups of panels of the right one. A long inner index is cut into blocks whose chains go on from
 * the stored result, which is no rounding.
 */
final class PanelProduct {
  /** Rows of the left operand packed at a time. */
  private static final int ROWS = 340 * TILE;

  /** Inner index of one block. */
  private static final int DEPTH = 2048;

  /** Packed panels of one group, in bytes: half of a 1 MiB L2. */
  private static final int GROUP_BYTES = 512 << 10;

  private static final class Worker {
    final float[] tile = new float[TILE * PANEL];
    float[] rows = {};
    float[] panels = {};
  }

  private final WorkerPool pool;
  private final Worker[] workers;
  private float[] packed = {};

  PanelProduct(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /** {@code out = op(a) op(b)}; shapes are the caller's business. */
  synchronized void run(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out) {
    int m = out.rows();
    int inner = transposeA ? a.rows() : a.cols();
    if (inner == 0) {
      out.fill(0f);
      return;
    }
    for (int row = 0; row < m; row += ROWS) {
      int rows = Math.min(ROWS, m - row);
      for (int from = 0; from < inner; from += DEPTH) {
        int depth = Math.min(DEPTH, inner - from);
        packLeft(a, transposeA, row, rows, from, depth);
        multiply(b, transposeB, out, row, rows, from, depth);
      }
    }
  }

  private void packLeft(Matrix a, boolean transposed, int row, int rows, int from, int depth) {
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
          int at = first * depth;
          if (transposed) {
            packColumns(a, from, depth, row + first, count, TILE, packed, at);
            return;
          }
          Worker worker = workers[w];
          if (worker.rows.length < TILE * depth) {
            worker.rows = new float[Math.max(TILE, PANEL) * depth];
          }
          for (int r = 0; r < count; r++) {
            Packing.copyRow(a, row + first + r, from, depth, worker.rows, r * depth);
          }
          Packing.pack(worker.rows, 0, depth, count, depth, TILE, packed, at);
        });
  }

  /** Packs columns of a matrix whose rows run along the inner index. */
  private static void packColumns(
      Matrix a, int from, int depth, int column, int count, int width, float[] out, int at) {
    for (int p = 0; p < depth; p++) {
      int target = at + p * width;
      Packing.copyRow(a, from + p, column, count, out, target);
      Arrays.fill(out, target + count, target + width, 0f);
    }
  }

  private void multiply(
      Matrix b, boolean transposed, Matrix out, int row, int rows, int from, int depth) {
    int panelFloats = depth * PANEL;
    int panels = Packing.panels(out.cols());
    int most = Math.max(1, GROUP_BYTES / (4 * panelFloats));
    // At least a few groups per thread, so that all find work.
    int group = Math.max(1, Math.min(most, panels / (4 * pool.size())));
    pool.run(
        (panels + group - 1) / group,
        (task, w) -> {
          Worker worker = workers[w];
          if (worker.panels.length < group * panelFloats) {
            worker.panels = new float[group * panelFloats];
          }
          if (worker.rows.length < panelFloats) {
            worker.rows = new float[Math.max(TILE, PANEL) * depth];
          }
          int first = task * group;
          int count = Math.min(group, panels - first);
          for (int g = 0; g < count; g++) {
            int column = (first + g) * PANEL;
            int columns = Math.min(PANEL, out.cols() - column);
            int at = g * panelFloats;
            if (transposed) {
              Packing.panel(b, null, column, columns, from, depth, worker.rows, worker.panels, at);
            } else {
              packColumns(b, from, depth, column, columns, PANEL, worker.panels, at);
            }
          }
          for (int tile = 0; tile < Packing.tiles(rows); tile++) {
            for (int g = 0; g < count; g++) {
              tile(worker, out, row, rows, tile, (first + g) * PANEL, g * panelFloats, from, depth);
            }
          }
        });
  }

  private void tile(
      Worker worker,
      Matrix out,
      int row,
      int rows,
      int tile,
      int column,
      int panelAt,
      int from,
      int depth) {
    int first = row + tile * TILE;
    int tileRows = Math.min(TILE, rows - tile * TILE);
    int columns = Math.min(PANEL, out.cols() - column);
    Arrays.fill(worker.tile, 0f);
    if (from > 0) {
      for (int r = 0; r < tileRows; r++) {
        Packing.copyRow(out, first + r, column, columns, worker.tile, r * PANEL);
      }
    }
    Tiles.multiply(packed, tile * TILE * depth, worker.panels, panelAt, depth, worker.tile, 0);
    for (int r = 0; r < tileRows; r++) {
      long at = out.rowOffset(first + r) + 4L * column;
      if (columns == PANEL) {
        for (int half = 0; half < PANEL; half += LENGTH) {
          FloatVector.fromArray(SPECIES, worker.tile, r * PANEL + half)
              .intoMemorySegment(out.segment(), at + 4L * half, ByteOrder.nativeOrder());
        }
      } else {
        java.lang.foreign.MemorySegment.copy(
            worker.tile, r * PANEL, out.segment(), Matrix.FLOAT, at, columns);
      }
    }
  }
}
