package io.github.sae4j.device.vector;

import static io.github.sae4j.device.vector.Vectors.LENGTH;
import static io.github.sae4j.device.vector.Vectors.SPECIES;

import io.github.sae4j.device.Selection;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * For small k: exactly k slots a row; a latent that passes takes the place of the worst. The
 * threshold is always fresh, so a row takes only about k ln(n/k) latents in.
 */
final class ReplacingSelector implements Selector {
  private int k;
  private int stride;
  private float[] thresholds = {};
  private int[] counts = {};

  /** Ranks, {@code stride} a row, those beyond k being +∞. */
  private float[] ranks = {};

  /** Value and bits of the index of each slot. */
  private float[] slots = {};

  private long[] order = {};
  private float[] scratch = {};

  ReplacingSelector() {}

  @Override
  public void reset(int rows, int k, int latents) {
    this.k = k;
    this.stride = (k + LENGTH - 1) / LENGTH * LENGTH;
    int size = Math.multiplyExact(rows, stride);
    if (thresholds.length < rows) {
      thresholds = new float[rows];
      counts = new int[rows];
    }
    if (ranks.length < size) {
      ranks = new float[size];
      slots = new float[2 * size];
    }
    if (order.length < k) {
      order = new long[k];
      scratch = new float[k];
    }
    Arrays.fill(thresholds, 0, rows, Float.NEGATIVE_INFINITY);
    Arrays.fill(counts, 0, rows, 0);
    Arrays.fill(ranks, 0, size, Float.POSITIVE_INFINITY);
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
    int base = row * stride;
    int count = counts[row];
    float threshold = thresholds[row];
    for (long left = mask; left != 0; left &= left - 1) {
      int lane = Long.numberOfTrailingZeros(left);
      float value = sums[sumsAt + lane] + bias[at + lane];
      float rank = Selector.rank(value, scale, at + lane, spec);
      // The mask was formed against an older threshold.
      if (rank > threshold) {
        int slot = base + (count < k ? count++ : worst(base, threshold));
        ranks[slot] = rank;
        slots[2 * slot] = value;
        slots[2 * slot + 1] = Float.intBitsToFloat(firstLatent + lane);
        if (count == k) {
          threshold = lowest(base);
        }
      }
    }
    counts[row] = count;
    thresholds[row] = threshold;
  }

  /** The slot of the lowest rank; of several, that of the latest latent. */
  private int worst(int base, float threshold) {
    int worst = -1;
    for (int i = 0; i < stride; i += LENGTH) {
      long equal =
          FloatVector.fromArray(SPECIES, ranks, base + i)
              .compare(VectorOperators.EQ, threshold)
              .toLong();
      for (; equal != 0; equal &= equal - 1) {
        int slot = i + Long.numberOfTrailingZeros(equal);
        if (worst < 0 || latent(base + slot) > latent(base + worst)) {
          worst = slot;
        }
      }
    }
    return worst;
  }

  private float lowest(int base) {
    FloatVector lowest = FloatVector.fromArray(SPECIES, ranks, base);
    for (int i = LENGTH; i < stride; i += LENGTH) {
      lowest = Vectors.lower(lowest, FloatVector.fromArray(SPECIES, ranks, base + i));
    }
    return Vectors.lowestLane(lowest);
  }

  private int latent(int slot) {
    return Float.floatToRawIntBits(slots[2 * slot + 1]);
  }

  @Override
  public void finish(int row, Selection selection, HeapCodes codes, int at) {
    int base = row * stride;
    int count = counts[row];
    for (int i = 0; i < count; i++) {
      order[i] = (long) latent(base + i) << Integer.SIZE | i;
    }
    Arrays.sort(order, 0, count);
    float kth = Float.NEGATIVE_INFINITY;
    int equals = codes.k;
    if (codes.k < count) {
      System.arraycopy(ranks, base, scratch, 0, count);
      kth = Selector.kthLargest(scratch, count, codes.k);
      for (int i = 0; i < count; i++) {
        equals -= ranks[base + i] > kth ? 1 : 0;
      }
    }
    int out = at * codes.k;
    for (int i = 0; i < count; i++) {
      int slot = base + (int) order[i];
      if (ranks[slot] > kth || (ranks[slot] == kth && equals-- > 0)) {
        codes.indices[out] = latent(slot);
        codes.values[out++] = Selector.stored(slots[2 * slot], selection);
      }
    }
  }
}
