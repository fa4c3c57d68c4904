package io.github.sae4j.internal.vector.select;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import java.util.Arrays;

/**
 * Codes by latent (compressed columns, CSC): for every latent the rows that hold it, in ascending
 * order, and the place of the code in each. Built by a counting sort, so its order is defined and
 * needs no atomics.
 */
public final class CodesByLatent {
  /** Work of a latent, in codes: those of latents with few lie further apart. Measured. */
  private static final long LATENT = 4;

  private int[] starts = {};
  private int[] cursor = {};
  private int[] places = {};
  private int[] rows = {};
  private int[] firstOf = {};
  private int[] boundOf = {};
  private int[] begins = {};

  /** Latents of the last batch that threads sorted; 0 if there was none. */
  private int splitLatents;

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
   * Builds the index on all threads of a pool, and sorts the values with it. Each thread takes some
   * latents, whose codes lie together in every row and in the index, so that no two write to the
   * same places. How many latents a thread takes follows from the codes of the last batch: some
   * latents are far more often among them than others.
   *
   * @param codes the codes by row, ascending in each row; receives the values by latent
   * @param latents number of latents
   * @param pool the threads
   */
  void build(HeapCodes codes, int latents, WorkerPool pool) {
    // Every part looks through all rows: more of them balance better, but only many threads need
    // it.
    int parts = Math.min(latents, pool.size() <= 4 ? pool.size() : 2 * pool.size());
    split(latents, parts);
    prepare(codes.size(), latents);
    int count = codes.rows;
    if (firstOf.length <= parts) {
      firstOf = new int[parts + 1];
    }
    if (begins.length < parts * count) {
      begins = new int[parts * count];
    }
    splitLatents = 0; // until all is rewritten
    int[] first = firstOf;
    int[] bounds = boundOf;
    pool.run(
        parts,
        (part, worker) -> {
          int low = bounds[part];
          int high = bounds[part + 1];
          Arrays.fill(cursor, low, high, 0);
          first[part + 1] = count(codes, low, high, part * count);
        });
    first[0] = 0;
    for (int part = 0; part < parts; part++) {
      first[part + 1] += first[part];
    }
    starts[latents] = first[parts];
    pool.run(
        parts,
        (part, worker) -> {
          int position = first[part];
          for (int i = bounds[part]; i < bounds[part + 1]; i++) {
            int size = cursor[i];
            starts[i] = position;
            cursor[i] = position;
            position += size;
          }
          sort(codes, part * count, part == parts - 1 ? -1 : (part + 1) * count);
        });
    splitLatents = latents;
  }

  /** Sets the first latent of every part so that they had equal work in the last batch. */
  private void split(int count, int parts) {
    if (boundOf.length != parts + 1) {
      boundOf = new int[parts + 1];
    }
    boolean known = splitLatents == count && latents == count;
    for (int part = 0; part <= parts; part++) {
      boundOf[part] = known ? begin(part, parts) : (int) ((long) count * part / parts);
    }
  }

  /**
   * The first latent of a part, if all have equal work: some latents have far more codes than
   * others.
   *
   * @param part number of the part, from 0; or the number of parts, for the end of the last
   */
  public int begin(int part, int parts) {
    long work = (starts[latents] + LATENT * latents) * part / parts;
    int low = 0;
    int high = latents;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (starts[middle] + LATENT * middle < work) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Counts the codes of some latents, and keeps where they begin in each row. */
  private int count(HeapCodes codes, int low, int high, int begin) {
    int[] indices = codes.indices;
    int[] counts = cursor;
    int size = 0;
    for (int b = 0; b < codes.rows; b++) {
      int end = codes.starts[b + 1];
      int i = atLeast(indices, codes.starts[b], end, low);
      begins[begin + b] = i;
      for (; i < end && indices[i] < high; i++) {
        counts[indices[i]]++;
        size++;
      }
    }
    return size;
  }

  /**
   * Sorts the codes that were counted.
   *
   * @param begin their beginning in row 0, among the beginnings
   * @param next the beginning of the next part's codes; -1 if there are none
   */
  private void sort(HeapCodes codes, int begin, int next) {
    int[] indices = codes.indices;
    float[] values = codes.values;
    float[] sorted = codes.valuesByLatent;
    int[] cursors = cursor;
    for (int b = 0; b < codes.rows; b++) {
      int end = next < 0 ? codes.starts[b + 1] : begins[next + b];
      for (int i = begins[begin + b]; i < end; i++) {
        int at = cursors[indices[i]]++;
        places[at] = i;
        rows[at] = b;
        sorted[at] = values[i];
      }
    }
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
