package io.github.sae4j.device.vector;

import io.github.sae4j.device.Selection;
import java.util.Arrays;

/**
 * The running top k of a block of rows. Latents arrive in ascending order; those that beat the
 * row's threshold (its k-th best so far) are appended to a buffer, which is cut back to k when
 * full. Since a later latent must be strictly greater to pass, and cutting keeps the earlier of
 * equals, the result follows the total order of numerics rule 10, and buffers stay sorted by index.
 */
final class Candidates {
  private int k;
  private int capacity;
  private float[] thresholds = {};
  private int[] counts = {};

  /** Rank, value and the bits of the index of each candidate, together in one cache line. */
  private float[] slots = {};

  private float[] scratch = {};

  Candidates() {}

  /** Floats of a candidate. */
  static final int SLOT = 3;

  /**
   * Room for one row. Twice k: a row then takes about k log2(n/k) candidates in; more room means
   * fewer cuts, but more candidates that a fresher threshold would have kept out.
   */
  static int capacity(int k, int latents) {
    return Math.min(latents, Math.max(2 * k, 32));
  }

  /** Starts a block of rows. */
  void reset(int rows, int k, int latents) {
    this.k = k;
    this.capacity = capacity(k, latents);
    int size = Math.multiplyExact(rows, SLOT * capacity);
    if (thresholds.length < rows) {
      thresholds = new float[rows];
      counts = new int[rows];
    }
    if (slots.length < size) {
      slots = new float[size];
    }
    if (scratch.length < capacity) {
      scratch = new float[capacity];
    }
    Arrays.fill(thresholds, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(counts, 0, rows, 0);
  }

  /** What a latent's rank must exceed to be a candidate, per row. */
  float[] thresholds() {
    return thresholds;
  }

  /**
   * Appends the latents of a mask.
   *
   * @param row row of the block
   * @param mask the latents, lowest bit first
   * @param firstLatent latent of the lowest bit
   * @param sums products without bias
   * @param sumsAt that of the lowest bit
   * @param bias biases
   * @param scale rank scales
   * @param at bias and scale of the lowest bit
   * @param spec the ranking
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
      Encoding.Spec spec) {
    int base = row * SLOT * capacity;
    int count = counts[row];
    for (long left = mask; left != 0; left &= left - 1) {
      int lane = Long.numberOfTrailingZeros(left);
      float value = sums[sumsAt + lane] + bias[at + lane];
      float rank = spec.selection() == Selection.RELU_FIRST && !(value > 0) ? 0f : value;
      if (spec.rankScale() != null) {
        rank *= scale[at + lane];
      }
      if (count == capacity) {
        count = cut(row, count, k);
      }
      // The mask was formed against an older threshold.
      if (rank > thresholds[row]) {
        int slot = base + SLOT * count++;
        slots[slot] = rank;
        slots[slot + 1] = value;
        slots[slot + 2] = Float.intBitsToFloat(firstLatent + lane);
      }
    }
    counts[row] = count;
  }

  /**
   * Writes a row's best latents, ascending by index. May be called again for fewer.
   *
   * @param row row of the block
   * @param selection what is stored of a value
   * @param codes receives {@code codes.k} latents
   * @param at row of {@code codes}
   */
  void finish(int row, Selection selection, HeapCodes codes, int at) {
    if (counts[row] > codes.k) {
      cut(row, counts[row], codes.k);
    }
    int base = row * SLOT * capacity;
    int out = at * codes.k;
    for (int i = 0; i < codes.k; i++) {
      float value = slots[base + SLOT * i + 1];
      codes.indices[out + i] = Float.floatToRawIntBits(slots[base + SLOT * i + 2]);
      codes.values[out + i] = selection == Selection.SIGNED || value > 0 ? value : 0f;
    }
  }

  private int cut(int row, int count, int k) {
    int base = row * SLOT * capacity;
    for (int i = 0; i < count; i++) {
      scratch[i] = slots[base + SLOT * i];
    }
    float kth = kthLargest(scratch, count, k);
    int equals = k;
    for (int i = 0; i < count; i++) {
      equals -= slots[base + SLOT * i] > kth ? 1 : 0;
    }
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int from = base + SLOT * i;
      if (slots[from] > kth || (slots[from] == kth && equals-- > 0)) {
        int to = base + SLOT * kept++;
        slots[to] = slots[from];
        slots[to + 1] = slots[from + 1];
        slots[to + 2] = slots[from + 2];
      }
    }
    thresholds[row] = kth;
    counts[row] = kept;
    return kept;
  }

  /** The k-th largest of the first {@code count} values, which are reordered (quickselect). */
  static float kthLargest(float[] values, int count, int k) {
    int low = 0;
    int high = count - 1;
    int target = k - 1;
    while (low < high) {
      float pivot = middle(values[low], values[(low + high) >>> 1], values[high]);
      int i = low;
      int j = high;
      while (i <= j) {
        while (values[i] > pivot) {
          i++;
        }
        while (values[j] < pivot) {
          j--;
        }
        if (i <= j) {
          float swap = values[i];
          values[i++] = values[j];
          values[j--] = swap;
        }
      }
      if (target <= j) {
        high = j;
      } else if (target >= i) {
        low = i;
      } else {
        break;
      }
    }
    return values[target];
  }

  private static float middle(float a, float b, float c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
