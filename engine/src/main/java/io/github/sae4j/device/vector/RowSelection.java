package io.github.sae4j.device.vector;

import static io.github.sae4j.device.vector.Vectors.LENGTH;
import static io.github.sae4j.device.vector.Vectors.SPECIES;

import io.github.sae4j.device.NonFiniteException;
import io.github.sae4j.device.Selection;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Selects k values per row of a matrix, in the total order of numerics rule 10. */
record RowSelection(Matrix values, float[] scale, Selection selection, SparseCodes out) {
  /** Rows of one task. */
  private static final int TASK = 16;

  void run(WorkerPool pool) {
    int rows = values.rows();
    int tasks = (rows + TASK - 1) / TASK;
    NonFiniteException[] failures = new NonFiniteException[tasks];
    pool.run(
        tasks,
        (task, worker) -> {
          try {
            select(task * TASK, Math.min(rows, (task + 1) * TASK));
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

  private void select(int from, int to) {
    int n = values.cols();
    int k = out.k();
    int padded = Vectors.padded(n);
    float[] row = new float[padded];
    // x + −0 is x for every x, −0 included.
    float[] noBias = new float[padded];
    Arrays.fill(noBias, -0f);
    float[] scales = new float[padded];
    if (scale != null) {
      System.arraycopy(scale, 0, scales, 0, n);
    }
    Encoding.Spec ranking = new Encoding.Spec(null, null, null, scale, selection);
    Selector candidates = Selector.of(k);
    HeapCodes codes = new HeapCodes().resize(1, k);
    for (int b = from; b < to; b++) {
      values.read(b, 1, row, 0);
      candidates.reset(1, k, n);
      FloatVector check = FloatVector.zero(SPECIES);
      for (int i = 0; i < n; i += LENGTH) {
        long there = n - i >= LENGTH ? -1L : (1L << (n - i)) - 1;
        FloatVector rank = FloatVector.fromArray(SPECIES, row, i);
        if (scale != null) {
          rank = rank.mul(FloatVector.fromArray(SPECIES, scales, i));
        }
        check = rank.fma(FloatVector.zero(SPECIES), check);
        long mask = rank.compare(VectorOperators.GT, candidates.thresholds()[0]).toLong() & there;
        if (mask != 0) {
          candidates.append(0, mask, i, row, i, noBias, scales, i, ranking);
        }
      }
      if (check.compare(VectorOperators.NE, 0f).anyTrue()) {
        throw nonFinite(b, row);
      }
      candidates.finish(0, selection, codes, 0);
      for (int slot = 0; slot < k; slot++) {
        out.set(b, slot, codes.indices[slot], codes.values[slot]);
      }
    }
  }

  private NonFiniteException nonFinite(int b, float[] row) {
    for (int i = 0; i < values.cols(); i++) {
      float rank = scale == null ? row[i] : row[i] * scale[i];
      if (!Float.isFinite(row[i]) || !Float.isFinite(rank)) {
        return new NonFiniteException(b, i, Float.isFinite(row[i]) ? rank : row[i]);
      }
    }
    throw new IllegalStateException("row " + b + " is finite after all: its memory was changed");
  }
}
