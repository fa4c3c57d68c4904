package io.github.sae4j.internal.vector.select;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.memory.SparseCodes;

/**
 * Codes of a batch on the heap in compressed rows (CSR), with the gradient of each and the same
 * codes by latent: row b holds the codes from {@code starts[b]} to {@code starts[b + 1]}.
 */
public final class HeapCodes {
  public final CodesByLatent byLatent = new CodesByLatent();
  int rows;
  public int[] starts = {0};
  public int[] indices = {};
  public float[] values = {};
  public float[] deltas = {};

  /** The values in the order of the codes by latent. */
  public float[] valuesByLatent = {};

  /**
   * The gradients in the order of the codes by latent. Threads that own latents write them side by
   * side; among the gradients by row they would write to the same cache lines.
   */
  public float[] deltasByLatent = {};

  public HeapCodes() {}

  /** Bytes of codes, by row and by latent; 0 latents if the latter are never built. */
  public static long bytes(long rows, long k, long latents) {
    long codes = 12 * rows * k + 4 * (rows + 1);
    return latents == 0 ? codes : codes + 16 * rows * k + 8 * latents;
  }

  /**
   * Makes room for a batch whose rows all hold the same number of latents.
   *
   * @param count number of rows
   * @param length latents of each
   */
  HeapCodes equalRows(int count, int length) {
    begin(count, Math.multiplyExact(count, length));
    for (int b = 0; b <= count; b++) {
      starts[b] = b * length;
    }
    return this;
  }

  /**
   * Makes room for a batch; the ends of its rows are for the caller to set.
   *
   * @param count number of rows
   * @param size codes of all rows, at most
   */
  void begin(int count, int size) {
    rows = count;
    if (starts.length < count + 1) {
      starts = new int[count + 1];
    }
    if (indices.length < size) {
      indices = new int[size];
      values = new float[size];
      deltas = new float[size];
    }
  }

  /** Number of codes. */
  public int size() {
    return starts[rows];
  }

  /**
   * Sorts the codes and their values by latent.
   *
   * @param latents number of latents
   * @param pool runs what can be done in parallel
   */
  public void indexByLatent(int latents, WorkerPool pool) {
    if (valuesByLatent.length < indices.length) {
      valuesByLatent = new float[indices.length];
      deltasByLatent = new float[indices.length];
    }
    byLatent.build(this, latents, pool);
  }

  /** Sorts the gradients of the codes by latent, once these are. */
  public void deltasByLatent(WorkerPool pool) {
    gather(pool, deltas, deltasByLatent);
  }

  private void gather(WorkerPool pool, float[] byRow, float[] out) {
    long size = size();
    int parts = 4 * pool.size();
    pool.run(
        parts,
        (part, worker) ->
            byLatent.gather(
                byRow, (int) (size * part / parts), (int) (size * (part + 1) / parts), out));
  }

  /**
   * Copies all rows out.
   *
   * @param out receives them
   * @param row where in {@code out} the first goes
   */
  public void copyTo(SparseCodes out, int row) {
    out.setRows(row, rows, starts, indices, values);
  }
}
