package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;

/** TopK of the rows of a matrix, in the total order of numerics rule 10. */
public final class RowTopK {
  /** Rows of one task. */
  private static final int TASK = 16;

  private static final class Worker {
    final TopKBuffer candidates = new TopKBuffer();
    final LatentRun run = new LatentRun();
    final HeapCodes codes = new HeapCodes();
    float[] row = {};
  }

  private final WorkerPool pool;
  private final Worker[] workers;

  private float[] biases = {};
  private float[] scales = {};

  public RowTopK(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /** Selects; the caller has checked the shapes. */
  public synchronized void run(
      Matrix values, Matrix bias, Matrix scale, Ranked topK, SparseCodes out) {
    int rows = values.rows();
    int tasks = (rows + TASK - 1) / TASK;
    int padded = Packing.panels(values.cols()) * PANEL;
    if (biases.length < padded) {
      biases = new float[padded];
      scales = new float[padded];
    }
    // x + −0 is x for every x, −0 included.
    Arrays.fill(biases, 0, padded, -0f);
    if (bias != null) {
      bias.read(0, 1, biases, 0);
    }
    if (scale != null) {
      scale.read(0, 1, scales, 0);
      Arrays.fill(scales, values.cols(), padded, 0f);
    }
    float[] rankScale = scale == null ? null : scales;
    out.equalRows((int) topK.k());
    NonFiniteException[] failures = new NonFiniteException[tasks];
    pool.run(
        tasks,
        (task, worker) -> {
          try {
            int to = Math.min(rows, (task + 1) * TASK);
            select(workers[worker], values, rankScale, topK, out, task * TASK, to);
          } catch (NonFiniteException e) {
            failures[task] = e;
          }
        });
    for (NonFiniteException failure : failures) {
      if (failure != null) {
        throw failure;
      }
    }
  }

  private void select(
      Worker worker, Matrix values, float[] scale, Ranked topK, SparseCodes out, int from, int to) {
    int n = values.cols();
    int k = (int) topK.k();
    if (worker.row.length < biases.length) {
      worker.row = new float[biases.length];
    }
    float[] row = worker.row;
    // Whole panels are tested for being finite, and a wider matrix may have left values here.
    Arrays.fill(row, n, Packing.panels(n) * PANEL, 0f);
    boolean bounded = LatentRun.mayBeBounded(scale, n, topK.relu());
    LatentRun run = worker.run.over(row, biases, scale, topK.relu(), bounded).set(0, n, 0, 0);
    TopKBuffer candidates = worker.candidates;
    HeapCodes codes = worker.codes.equalRows(1, k);
    for (int b = from; b < to; b++) {
      values.read(b, 1, row, 0);
      candidates.reset(1, k, n, scale != null);
      if (!candidates.offer(0, run)) {
        throw nonFinite(b, row, n, scale);
      }
      candidates.finish(0, topK.relu(), codes, 0);
      codes.copyTo(out, b);
    }
  }

  private NonFiniteException nonFinite(int b, float[] row, int n, float[] scale) {
    for (int i = 0; i < n; i++) {
      float value = row[i] + biases[i];
      float rank = scale == null ? value : value * scale[i];
      if (!Float.isFinite(value) || !Float.isFinite(rank)) {
        return new NonFiniteException(b, i, Float.isFinite(value) ? rank : value);
      }
    }
    throw new IllegalStateException("row " + b + " is finite after all: its memory was changed");
  }
}
