package io.github.sae4j.internal.vector.select;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import java.util.Arrays;

/**
 * Codes by latent (compressed columns, CSC): for every latent the rows that hold it, in ascending
 * order, and the place of the code in each. Built by a counting sort, so its order is defined and
 * needs no atomics.
 */
public final class CodesByLatent {
  private int[] starts = {};
  private int[] cursor = {};
  private int[] places = {};
  private int[] rows = {};
  private int[] firstOf = {};
  private int latents;

  public CodesByLatent() {}

  /**
   * Builds the index.
   *
   * @param count number of rows
   * @param rowStarts position of each row's first code, and the end of the last row
   * @param indices latents of the codes
   * @param latents number of latents
   */
  public void build(int count, int[] rowStarts, int[] indices, int latents) {
    int size = rowStarts[count];
    prepare(size, latents);
    Arrays.fill(starts, 0, latents + 1, 0);
    for (int i = 0; i < size; i++) {
      starts[indices[i] + 1]++;
    }
    for (int i = 0; i < latents; i++) {
      cursor[i] = starts[i];
      starts[i + 1] += starts[i];
    }
    for (int b = 0; b < count; b++) {
      for (int i = rowStarts[b]; i < rowStarts[b + 1]; i++) {
        int position = cursor[indices[i]]++;
        places[position] = i;
        rows[position] = b;
      }
    }
  }

  /**
   * Builds the index on all threads of a pool. Each takes some latents, whose codes lie together in
   * every row and in the index, so that no two write to the same places.
   *
   * @param codes the codes by row, ascending in each row
   * @param latents number of latents
   * @param pool the threads
   */
  void build(HeapCodes codes, int latents, WorkerPool pool) {
    // Every part looks through all rows: more of them balance better, but only many threads need
    // it.
    int parts = Math.min(latents, pool.size() <= 4 ? pool.size() : 2 * pool.size());
    prepare(codes.size(), latents);
    if (firstOf.length <= parts) {
      firstOf = new int[parts + 1];
    }
    int[] first = firstOf;
    pool.run(
        parts,
        (part, worker) -> {
          int low = begin(part, parts);
          int high = begin(part + 1, parts);
          Arrays.fill(cursor, low, high, 0);
          int size = 0;
          for (int b = 0; b < codes.rows; b++) {
            int end = codes.starts[b + 1];
            int i = atLeast(codes.indices, codes.starts[b], end, low);
            for (; i < end && codes.indices[i] < high; i++) {
              cursor[codes.indices[i]]++;
              size++;
            }
          }
          first[part + 1] = size;
        });
    first[0] = 0;
    for (int part = 0; part < parts; part++) {
      first[part + 1] += first[part];
    }
    starts[latents] = first[parts];
    pool.run(
        parts,
        (part, worker) -> {
          int low = begin(part, parts);
          int high = begin(part + 1, parts);
          int position = first[part];
          for (int i = low; i < high; i++) {
            int count = cursor[i];
            starts[i] = position;
            cursor[i] = position;
            position += count;
          }
          for (int b = 0; b < codes.rows; b++) {
            int end = codes.starts[b + 1];
            int i = atLeast(codes.indices, codes.starts[b], end, low);
            for (; i < end && codes.indices[i] < high; i++) {
              int at = cursor[codes.indices[i]]++;
              places[at] = i;
              rows[at] = b;
            }
          }
        });
  }

  private int begin(int part, int parts) {
    return (int) ((long) latents * part / parts);
  }

  /** The first code of a row whose latent is at least {@code latent}. */
  private static int atLeast(int[] indices, int from, int to, int latent) {
    int low = from;
    int high = to;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (indices[middle] < latent) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void prepare(int size, int latents) {
    this.latents = latents;
    if (starts.length < latents + 1) {
      starts = new int[latents + 1];
      cursor = new int[latents];
    }
    if (places.length < size) {
      places = new int[size];
      rows = new int[size];
    }
  }

  /** First position of a latent's codes. */
  public int from(int latent) {
    return starts[latent];
  }

  /** Position after a latent's last code. */
  public int to(int latent) {
    return starts[latent + 1];
  }

  /** Where the code at a position lies among the codes by row. */
  public int place(int position) {
    return places[position];
  }

  /** The row of the code at a position. */
  public int row(int position) {
    return rows[position];
  }

  /** Number of latents of the index. */
  public int latents() {
    return latents;
  }

  /**
   * The rows of all codes, by position. Loops over codes read it directly.
   *
   * @return the array itself, at least as long as there are codes
   */
  public int[] rows() {
    return rows;
  }

  /**
   * Copies what belongs to the codes into the order of this index.
   *
   * @param byRow one number per code, by row
   * @param from first position
   * @param to position after the last
   * @param out receives them at the same positions
   */
  public void gather(float[] byRow, int from, int to, float[] out) {
    for (int p = from; p < to; p++) {
      out[p] = byRow[places[p]];
    }
  }
}
