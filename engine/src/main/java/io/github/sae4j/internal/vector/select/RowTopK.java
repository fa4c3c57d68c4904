package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** TopK of the rows of a matrix, in the total order of numerics rule 10. */
public final class RowTopK {
  /** Rows of one task. */
  private static final int TASK = 16;

  private static final class Worker {
    final TopKBuffer candidates = new TopKBuffer();
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
    int padded = Vectors.padded(values.cols());
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
            select(workers[worker], values, bias != null, rankScale, topK, out, task * TASK, to);
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
      Worker worker,
      Matrix values,
      boolean biased,
      float[] scale,
      Ranked topK,
      SparseCodes out,
      int from,
      int to) {
    int n = values.cols();
    int k = (int) topK.k();
    if (worker.row.length < biases.length) {
      worker.row = new float[biases.length];
    }
    float[] row = worker.row;
    // Whole vectors are tested for being finite, and a wider matrix may have left values here.
    Arrays.fill(row, n, Vectors.padded(n), 0f);
    TopKBuffer candidates = worker.candidates;
    HeapCodes codes = worker.codes.equalRows(1, k);
    for (int b = from; b < to; b++) {
      values.read(b, 1, row, 0);
      candidates.reset(1, k, n, scale != null);
      FloatVector check = FloatVector.zero(SPECIES);
      for (int i = 0; i < n; i += LENGTH) {
        long there = n - i >= LENGTH ? -1L : (1L << (n - i)) - 1;
        FloatVector rank = FloatVector.fromArray(SPECIES, row, i);
        if (biased) {
          rank = rank.add(FloatVector.fromArray(SPECIES, biases, i));
        }
        if (scale != null) {
          rank = rank.mul(FloatVector.fromArray(SPECIES, scales, i));
        }
        check = rank.fma(FloatVector.zero(SPECIES), check);
        long mask = rank.compare(VectorOperators.GT, candidates.thresholds()[0]).toLong() & there;
        if (mask != 0) {
          candidates.append(0, mask, i, row, i, biases, scales, i, topK.relu());
        }
      }
      if (check.compare(VectorOperators.NE, 0f).anyTrue()) {
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
