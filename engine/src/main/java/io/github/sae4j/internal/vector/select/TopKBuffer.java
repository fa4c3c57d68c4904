package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The running top k of a block of rows. Latents arrive in ascending order, a run at a time, and
 * those that beat their row's threshold are appended to a buffer, which is cut back when full. The
 * first run yields a threshold before anything is appended ({@link LatentRun#bound}), so that a row
 * appends little more than k latents of it. A cut need not be exact: it looks for a value that at
 * least k candidates reach, drops those below and makes it the threshold, since a later latent must
 * then exceed it to be among the best k (of equals the earlier is kept). Only {@link #finish} keeps
 * exactly k, in the total order of numerics rule 10.
 *
 * <p>Thresholds between cuts are stale, so more latents are appended than finding the smallest of k
 * again for each would; but a candidate costs a store and its share of a cut, a few cycles in all,
 * whereas that took a hundred.
 */
final class TopKBuffer {
  private int k;
  private int capacity;
  private float[] thresholds = {};
  private int[] counts = {};

  /** Ranks of the candidates, {@code capacity} per row, in order of arrival. */
  private float[] ranks = {};

  /** Latents of the candidates. */
  private int[] latents = {};

  /** Values of the candidates, where these are not the ranks. */
  private float[] values = {};

  private boolean scaled;

  TopKBuffer() {}

  /**
   * Candidates of a row: twice k, so that a cut halves them, and room for all latents of a panel,
   * so that an append checks once.
   */
  private static int capacity(int k, int latents) {
    return Vectors.padded(Math.min(latents, Math.max(2 * k, k + PANEL))) + PANEL;
  }

  /** Bytes of state per row. */
  static long bytesPerRow(int k, int latents, boolean scaled) {
    return (scaled ? 12L : 8L) * capacity(k, latents) + 8;
  }

  /**
   * Starts a block of rows.
   *
   * @param rows number of rows
   * @param k how many latents a row keeps
   * @param latents number of latents to choose from
   * @param scaled whether ranks differ from values
   */
  void reset(int rows, int k, int latents, boolean scaled) {
    this.k = k;
    this.capacity = capacity(k, latents);
    this.scaled = scaled;
    int size = Math.multiplyExact(rows, capacity);
    if (thresholds.length < rows) {
      thresholds = new float[rows];
      counts = new int[rows];
    }
    if (ranks.length < size) {
      ranks = new float[size];
      this.latents = new int[size];
    }
    if (scaled && values.length < size) {
      values = new float[size];
    }
    Arrays.fill(thresholds, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(counts, 0, rows, 0);
  }

  /** What a latent's rank must exceed to be a candidate, per row. */
  float[] thresholds() {
    return thresholds;
  }

  /**
   * Offers a run of latents of a row.
   *
   * @param row row of the block
   * @param run the latents
   * @return false if some rank is NaN or infinite
   */
  boolean offer(int row, LatentRun run) {
    float limit = thresholds[row];
    float bound = Float.NEGATIVE_INFINITY;
    if (limit == Float.NEGATIVE_INFINITY) {
      // Of equals the earlier is kept, and some that reach the bound are still to come.
      bound = run.bound(0, k);
      limit = Math.nextDown(bound);
    }
    int found = run.scan(0, limit);
    boolean finite = run.finite;
    int done = appendPanels(row, run, found);
    for (int cuts = 0; done < found; cuts++) {
      int from = run.panels[done];
      if (cuts > 0 && bound == Float.NEGATIVE_INFINITY) {
        // Seldom: ranks rise along the run.
        bound = run.bound(from, k);
        if (bound > thresholds[row]) {
          Counting.pad(ranks, row * capacity, counts[row]);
          keep(row, bound, counts[row]);
        }
      }
      if (full(row)) {
        cut(row);
      }
      found = run.scan(from, Math.max(thresholds[row], Math.nextDown(bound)));
      done = appendPanels(row, run, found);
    }
    thresholds[row] = Math.max(thresholds[row], bound);
    return finite || run.isFinite();
  }

  /** Whether a panel of candidates may not fit. */
  private boolean full(int row) {
    return counts[row] > capacity - PANEL;
  }

  /** Appends panels until the buffer is full, and returns how many. */
  private int appendPanels(int row, LatentRun run, int found) {
    for (int i = 0; i < found; i++) {
      if (full(row)) {
        return i;
      }
      int panel = run.panels[i];
      int latent = run.firstLatent + panel;
      int sum = run.sumsAt + panel;
      int at = run.at + panel;
      append(row, run.masks[i], latent, run.sums, sum, run.bias, run.scale, at, run.relu);
    }
    return found;
  }

  /**
   * Offers at most a panel of latents of a row, all of which exceed its threshold.
   *
   * @param row row of the block
   * @param mask the latents, lowest bit first
   * @param firstLatent latent of the lowest bit
   * @param sums products without bias
   * @param sumsAt that of the lowest bit
   * @param bias biases
   * @param scale rank scales; not read if the ranking has none
   * @param at bias and scale of the lowest bit
   * @param relu where values are cut
   */
  void append(
      int row,
      long mask,
      int firstLatent,
      float[] sums,
      int sumsAt,
      float[] bias,
      float[] scale,
      int at,
      Relu relu) {
    if (full(row)) {
      cut(row);
    }
    int to = row * capacity + counts[row];
    for (long left = mask; left != 0; left &= left - 1) {
      int lane = Long.numberOfTrailingZeros(left);
      float value = sums[sumsAt + lane] + bias[at + lane];
      float rank = relu == Relu.BEFORE && !(value > 0) ? 0f : value;
      if (scaled) {
        values[to] = value;
        rank *= scale[at + lane];
      }
      ranks[to] = rank;
      latents[to++] = firstLatent + lane;
    }
    counts[row] = to - row * capacity;
  }

  /**
   * Writes a row's best latents, ascending by index. May be called again for fewer.
   *
   * @param row row of the block
   * @param relu what is stored of a value
   * @param codes receives as many latents as its row holds
   * @param at row of {@code codes}
   */
  void finish(int row, Relu relu, HeapCodes codes, int at) {
    int to = codes.starts[at];
    int length = codes.starts[at + 1] - to;
    if (counts[row] > length) {
      int from = row * capacity;
      Counting.pad(ranks, from, counts[row]);
      float kth = Counting.kthLargest(ranks, from, counts[row], length);
      keep(row, kth, length - Counting.countAbove(ranks, from, counts[row], kth));
    }
    int first = row * capacity;
    float[] source = scaled ? values : ranks;
    for (int i = 0; i < length; i++) {
      float value = source[first + i];
      codes.indices[to + i] = latents[first + i];
      codes.values[to + i] = relu == Relu.NONE || value > 0 ? value : 0f;
    }
  }

  /**
   * Makes room for a panel of candidates: leaves at least k, at most three quarters of the room.
   */
  private void cut(int row) {
    int from = row * capacity;
    int count = counts[row];
    Counting.pad(ranks, from, count);
    int most = k + (capacity - PANEL - k) / 4;
    float low = thresholds[row];
    float value = Counting.reachedBy(ranks, from, count, k, most, low);
    if (Float.isNaN(value)) {
      // No threshold yet, or many equals.
      value = Counting.kthLargest(ranks, from, count, k);
      keep(row, value, k - Counting.countAbove(ranks, from, count, value));
    } else {
      keep(row, value, count);
    }
    thresholds[row] = Math.max(low, value);
  }

  /** Keeps what exceeds a value, and the first candidates that equal it, in order of arrival. */
  private void keep(int row, float value, int equals) {
    int from = row * capacity;
    int to = from + counts[row];
    int at = from;
    for (int i = from; i < to; i += LENGTH) {
      FloatVector rank = FloatVector.fromArray(SPECIES, ranks, i);
      long equal = rank.compare(VectorOperators.EQ, value).toLong();
      while (Long.bitCount(equal) > equals) {
        equal &= ~Long.highestOneBit(equal);
      }
      equals -= Long.bitCount(equal);
      long kept = rank.compare(VectorOperators.GT, value).toLong() | equal;
      for (; kept != 0; kept &= kept - 1) {
        int source = i + Long.numberOfTrailingZeros(kept);
        ranks[at] = ranks[source];
        latents[at] = latents[source];
        if (scaled) {
          values[at] = values[source];
        }
        at++;
      }
    }
    counts[row] = at - from;
  }
}
