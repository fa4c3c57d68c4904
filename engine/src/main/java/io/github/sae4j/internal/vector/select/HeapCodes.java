package io.github.sae4j.internal.vector.select;

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

  public HeapCodes() {}

  /** Bytes of codes, by row and by latent; 0 latents if the latter are never built. */
  public static long bytes(long rows, long k, long latents) {
    long codes = 12 * rows * k + 4 * (rows + 1);
    return latents == 0 ? codes : codes + 8 * rows * k + 8 * latents;
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

  /** Sorts the codes by latent. */
  public void indexByLatent(int latents) {
    byLatent.build(this, latents);
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
