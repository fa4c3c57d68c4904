package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The running top k of a block of rows. Latents arrive in ascending order, and those that beat
 * their row's threshold are appended to a buffer, which is cut back when full. A cut need not be
 * exact: it looks for a value that at least k candidates reach, drops those below and makes it the
 * threshold, since a later latent must then exceed it to be among the best k (of equals the earlier
 * is kept). Only {@link #finish} keeps exactly k, in the total order of numerics rule 10.
 *
 * <p>Thresholds between cuts are stale, so a row appends about k log2(n/k) latents instead of k
 * ln(n/k); but a candidate costs a store and its share of a cut, a few cycles in all, whereas
 * finding the smallest of k again for each took a hundred.
 */
final class TopKBuffer {
  /** Guesses at a value to cut at before the exact one is computed. */
  private static final int GUESSES = 5;

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
    if (counts[row] > capacity - PANEL) {
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
      pad(row);
      float kth = kthLargest(row, length);
      keep(row, kth, length - countAbove(row, kth));
    }
    int from = row * capacity;
    float[] source = scaled ? values : ranks;
    for (int i = 0; i < length; i++) {
      float value = source[from + i];
      codes.indices[to + i] = latents[from + i];
      codes.values[to + i] = relu == Relu.NONE || value > 0 ? value : 0f;
    }
  }

  /**
   * Makes room for a panel of candidates: leaves at least k, at most three quarters of the room.
   */
  private void cut(int row) {
    pad(row);
    int most = k + (capacity - PANEL - k) / 4;
    float low = thresholds[row];
    float high = highest(row);
    int reachLow = counts[row];
    int reachHigh = 1;
    // The values of candidates fall off as e^−x: half of 64 lie in the first sixth of their range.
    float guess = low + (high - low) / 6;
    for (int i = 0; i < GUESSES && guess > low && guess < high; i++) {
      int reached = countReaching(row, guess);
      if (reached >= k && reached <= most) {
        thresholds[row] = guess;
        keep(row, guess, reached);
        return;
      }
      if (reached > most) {
        low = guess;
        reachLow = reached;
      } else {
        high = guess;
        reachHigh = reached;
      }
      guess = low + (high - low) * (reachLow - (k + most) / 2) / (reachLow - reachHigh);
    }
    // No threshold yet, or many equals.
    float kth = kthLargest(row, k);
    thresholds[row] = kth;
    keep(row, kth, k - countAbove(row, kth));
  }

  /** Pads the last vector of a row's candidates with a value below any guess. */
  private void pad(int row) {
    int end = row * capacity + counts[row];
    // Capacities are whole vectors, and so are rows' starts.
    Arrays.fill(ranks, end, (end + LENGTH - 1) / LENGTH * LENGTH, Float.NEGATIVE_INFINITY);
  }

  // Two methods, because the operator must be a compile-time constant: otherwise every vector is
  // boxed,
  // unless the call happens to be inlined.

  /** How many candidates exceed a value. */
  private int countAbove(int row, float value) {
    int from = row * capacity;
    int to = from + counts[row];
    int count = 0;
    for (int i = from; i < to; i += LENGTH) {
      FloatVector rank = FloatVector.fromArray(SPECIES, ranks, i);
      count += rank.compare(VectorOperators.GT, value).trueCount();
    }
    return count;
  }

  /** How many candidates reach a value. */
  private int countReaching(int row, float value) {
    int from = row * capacity;
    int to = from + counts[row];
    int count = 0;
    for (int i = from; i < to; i += LENGTH) {
      FloatVector rank = FloatVector.fromArray(SPECIES, ranks, i);
      count += rank.compare(VectorOperators.GE, value).trueCount();
    }
    return count;
  }

  private float highest(int row) {
    int from = row * capacity;
    int to = from + counts[row];
    FloatVector high = FloatVector.fromArray(SPECIES, ranks, from);
    for (int i = from + LENGTH; i < to; i += LENGTH) {
      high = Vectors.higher(high, FloatVector.fromArray(SPECIES, ranks, i));
    }
    return Vectors.highestLane(high);
  }

  /** The k-th largest rank of a row: quickselect that counts instead of moving. */
  private float kthLargest(int row, int k) {
    float low = Float.NEGATIVE_INFINITY;
    float high = Float.POSITIVE_INFINITY;
    while (true) {
      float pivot = between(row, low, high);
      if (countAbove(row, pivot) >= k) {
        low = pivot;
      } else if (countReaching(row, pivot) >= k) {
        return pivot;
      } else {
        high = pivot;
      }
    }
  }

  /** A candidate's rank between two values, from somewhere in the middle of the row. */
  private float between(int row, float low, float high) {
    int from = row * capacity;
    int vectors = (counts[row] + LENGTH - 1) / LENGTH;
    for (int v = 0, at = vectors / 2; v < vectors; v++, at = at + 1 == vectors ? 0 : at + 1) {
      FloatVector rank = FloatVector.fromArray(SPECIES, ranks, from + at * LENGTH);
      VectorMask<Float> inside =
          rank.compare(VectorOperators.GT, low).and(rank.compare(VectorOperators.LT, high));
      if (inside.anyTrue()) {
        return ranks[from + at * LENGTH + inside.firstTrue()];
      }
    }
    // Only where k ranks are infinite, an error of the row that the caller detects.
    return high;
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
