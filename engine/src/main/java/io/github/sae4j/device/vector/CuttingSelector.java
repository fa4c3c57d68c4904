package io.github.sae4j.device.vector;

import io.github.sae4j.device.Selection;
import java.util.Arrays;

/**
 * For large k: latents that pass are appended to a buffer, which is cut back to k when full. Order
 * of arrival is kept, so buffers stay sorted by index.
 */
final class CuttingSelector implements Selector {
  private int k;
  private int capacity;
  private float[] thresholds = {};
  private int[] counts = {};

  /** Rank, value and the bits of the index of each candidate, together in one cache line. */
  private float[] slots = {};

  private float[] scratch = {};

  CuttingSelector() {}

  /** Floats of a candidate. */
  static final int SLOT = 3;

  /**
   * Room for one row. Twice k: a row then takes about k log2(n/k) candidates in; more room means
   * fewer cuts, but more candidates that a fresher threshold would have kept out.
   */
  static int capacity(int k, int latents) {
    return Math.min(latents, Math.max(2 * k, 32));
  }

  @Override
  public void reset(int rows, int k, int latents) {
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

  @Override
  public float[] thresholds() {
    return thresholds;
  }

  @Override
  public void append(
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
      float rank = Selector.rank(value, scale, at + lane, spec);
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

  @Override
  public void finish(int row, Selection selection, HeapCodes codes, int at) {
    if (counts[row] > codes.k) {
      cut(row, counts[row], codes.k);
    }
    int base = row * SLOT * capacity;
    int out = at * codes.k;
    for (int i = 0; i < codes.k; i++) {
      float value = slots[base + SLOT * i + 1];
      codes.indices[out + i] = Float.floatToRawIntBits(slots[base + SLOT * i + 2]);
      codes.values[out + i] = Selector.stored(value, selection);
    }
  }

  private int cut(int row, int count, int k) {
    int base = row * SLOT * capacity;
    for (int i = 0; i < count; i++) {
      scratch[i] = slots[base + SLOT * i];
    }
    float kth = Selector.kthLargest(scratch, count, k);
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
}
