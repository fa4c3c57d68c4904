package io.github.sae4j.internal.vector.select;

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
  private int latents;

  public CodesByLatent() {}

  /**
   * Builds the index.
   *
   * @param codes the codes by row
   * @param latents number of latents
   */
  public void build(HeapCodes codes, int latents) {
    build(codes.rows, codes.starts, codes.indices, latents);
  }

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
    this.latents = latents;
    if (starts.length < latents + 1) {
      starts = new int[latents + 1];
      cursor = new int[latents];
    }
    if (places.length < size) {
      places = new int[size];
      rows = new int[size];
    }
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
