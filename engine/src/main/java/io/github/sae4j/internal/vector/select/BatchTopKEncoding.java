package io.github.sae4j.internal.vector.select;

import io.github.sae4j.numerics.Quickselect;

/**
 * BatchTopK: encode, and keep the best k · rows of a whole batch, without forming {@code [rows,
 * d_sae]}. Each row first yields its best few candidates, by {@link TopKEncoding}; the batch's best
 * are selected among them. If all candidates of a row are selected it may hold more: then rows
 * yield twice as many, until no row is exhausted, so the result is exact. Rows rarely need more
 * than four times the mean.
 */
public final class BatchTopKEncoding {
  private final TopKEncoding encoding;
  private final HeapCodes candidates = new HeapCodes();

  /** Candidates per row; kept from batch to batch, since the next one is likely to need as many. */
  private int perRow;

  private float[] ranks = {};
  private float[] ordered = {};

  /**
   * An encoding for batches that keep about k latents a row.
   *
   * @param encoding finds the rows' candidates
   * @param k mean number of latents of a row
   * @param latents number of latents
   */
  public BatchTopKEncoding(TopKEncoding encoding, int k, int latents) {
    this.encoding = encoding;
    this.perRow = firstCandidates(k, latents);
  }

  /** Initial number of candidates per row. */
  public static int firstCandidates(int k, int latents) {
    return (int) Math.min(latents, 4L * k);
  }

  /**
   * Encodes packed rows; only latents of positive rank take a place.
   *
   * @param spec the encoder, with ReLU before the selection
   * @param packed from {@link TopKEncoding#packRows}
   * @param rows number of rows
   * @param places how many latents the batch may take
   * @param codes receives them, each row ascending by latent
   */
  public void run(TopKEncoding.Spec spec, float[] packed, int rows, long places, HeapCodes codes) {
    while (true) {
      encoding.run(spec, packed, rows, perRow, candidates, 0, null);
      float least = leastTaken(spec, rows, places);
      if (perRow == spec.count() || !exhausted(rows, least)) {
        take(rows, least, places, codes);
        return;
      }
      perRow = (int) Math.min(spec.count(), 2L * perRow);
    }
  }

  /** The rank of the last one taken; 0 if all positive ones are. */
  private float leastTaken(TopKEncoding.Spec spec, int rows, long places) {
    int size = candidates.size();
    if (ranks.length < size) {
      ranks = new float[size];
      ordered = new float[size];
    }
    int positive = 0;
    for (int i = 0; i < size; i++) {
      float value = candidates.values[i];
      ranks[i] = spec.scaled() ? value * spec.rankScale()[candidates.indices[i]] : value;
      if (ranks[i] > 0) {
        ordered[positive++] = ranks[i];
      }
    }
    return positive <= places ? 0f : Quickselect.kthLargest(ordered, positive, (int) places);
  }

  /**
   * Whether all candidates of some row reach the batch's smallest rank, so that the row may hold
   * more.
   */
  private boolean exhausted(int rows, float least) {
    for (int b = 0; b < rows; b++) {
      int from = candidates.starts[b];
      int to = candidates.starts[b + 1];
      int taken = 0;
      while (from + taken < to && ranks[from + taken] > 0 && ranks[from + taken] >= least) {
        taken++;
      }
      if (taken == to - from) {
        return true;
      }
    }
    return false;
  }

  /** Takes all above the least, and the first that equal it (numerics rule 10). */
  private void take(int rows, float least, long places, HeapCodes codes) {
    int size = candidates.size();
    long equals = places;
    for (int i = 0; i < size; i++) {
      equals -= ranks[i] > least ? 1 : 0;
    }
    codes.begin(rows, (int) Math.min(places, size));
    int count = 0;
    for (int b = 0; b < rows; b++) {
      for (int i = candidates.starts[b]; i < candidates.starts[b + 1]; i++) {
        if (ranks[i] > least || (ranks[i] == least && least > 0 && equals-- > 0)) {
          codes.indices[count] = candidates.indices[i];
          codes.values[count++] = candidates.values[i];
        }
      }
      codes.starts[b + 1] = count;
    }
  }
}
