package io.github.sae4j.report.features;

import java.util.Arrays;

/**
 * Places where each latent fires: where it does most strongly, and a uniform sample of all. Of each
 * place the latent's activations around it are kept too, so that codes need not be read again. What
 * is sampled depends on the rows alone: those with the smallest hashes.
 */
final class Contexts {
  /** Rows kept before and after the one that fires. */
  static final int BEFORE = 14;

  static final int AFTER = 9;
  static final int WIDTH = BEFORE + 1 + AFTER;

  /** Strongest places of a latent, and sampled ones. */
  static final int STRONGEST = 10;

  static final int SAMPLED = 20;
  private static final int SLOTS = STRONGEST + SAMPLED;

  private final CodeWindow window;
  private final long[] rows;
  private final float[] values;
  private final long[] hashes;

  /** Activations around, rounded to 16 bits: the upper half of a float. */
  private final short[] around;

  private final byte[] strong;
  private final byte[] sampled;

  /** The weakest of the strongest, and the largest hash of the sampled, while they are full. */
  private final float[] weakest;

  private final long[] largestHash;

  Contexts(int latents, CodeWindow window) {
    this.window = window;
    int slots = Math.multiplyExact(latents, SLOTS);
    rows = new long[slots];
    values = new float[slots];
    hashes = new long[Math.multiplyExact(latents, SAMPLED)];
    around = new short[Math.multiplyExact(slots, WIDTH)];
    strong = new byte[latents];
    sampled = new byte[latents];
    weakest = new float[latents];
    largestHash = new long[latents];
    Arrays.fill(weakest, Float.NEGATIVE_INFINITY);
    Arrays.fill(largestHash, Long.MAX_VALUE);
  }

  /**
   * Offers a place.
   *
   * @param first first row of its sequence
   * @param end row after the last of its sequence
   */
  void offer(int latent, long row, float value, long first, long end) {
    if (value > weakest[latent]) {
      addStrong(latent, row, value, first, end);
    }
    long hash = hash(row, latent);
    if (hash < largestHash[latent]) {
      addSampled(latent, row, value, hash, first, end);
    }
  }

  /** Of places in one another's sight the strongest alone is kept. */
  private void addStrong(int latent, long row, float value, long first, long end) {
    int base = latent * SLOTS;
    int count = strong[latent];
    for (int i = 0; i < count; i++) {
      long other = rows[base + i];
      if (other >= first && row - other <= BEFORE) {
        if (value > values[base + i]) {
          put(base + i, latent, row, value, first, end);
          weigh(latent);
        }
        return;
      }
    }
    if (count < STRONGEST) {
      put(base + count, latent, row, value, first, end);
      strong[latent]++;
    } else {
      int least = base;
      for (int i = 1; i < STRONGEST; i++) {
        least = values[base + i] < values[least] ? base + i : least;
      }
      put(least, latent, row, value, first, end);
    }
    weigh(latent);
  }

  private void weigh(int latent) {
    if (strong[latent] < STRONGEST) {
      return;
    }
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i < STRONGEST; i++) {
      least = Math.min(least, values[latent * SLOTS + i]);
    }
    weakest[latent] = least;
  }

  private void addSampled(int latent, long row, float value, long hash, long first, long end) {
    int base = latent * SLOTS + STRONGEST;
    int hashBase = latent * SAMPLED;
    int slot = sampled[latent];
    if (slot < SAMPLED) {
      sampled[latent]++;
    } else {
      slot = 0;
      for (int i = 1; i < SAMPLED; i++) {
        slot = hashes[hashBase + i] > hashes[hashBase + slot] ? i : slot;
      }
    }
    put(base + slot, latent, row, value, first, end);
    hashes[hashBase + slot] = hash;
    if (sampled[latent] == SAMPLED) {
      long most = 0;
      for (int i = 0; i < SAMPLED; i++) {
        most = Math.max(most, hashes[hashBase + i]);
      }
      largestHash[latent] = most;
    }
  }

  private void put(int slot, int latent, long row, float value, long first, long end) {
    rows[slot] = row;
    values[slot] = value;
    for (int i = 0; i < WIDTH; i++) {
      long at = row - BEFORE + i;
      boolean seen = at >= first && at < end && at >= window.first() && at < window.end();
      float near = seen ? window.value(at, latent) : 0;
      around[slot * WIDTH + i] = (short) (Float.floatToIntBits(near) >>> 16);
    }
  }

  /** Slots of the strongest places, the strongest first. */
  int[] strongest(int latent) {
    return sorted(latent * SLOTS, strong[latent]);
  }

  /** Slots of sampled places, the strongest first. */
  int[] sampled(int latent) {
    return sorted(latent * SLOTS + STRONGEST, sampled[latent]);
  }

  private int[] sorted(int base, int count) {
    Integer[] slots = new Integer[count];
    for (int i = 0; i < count; i++) {
      slots[i] = base + i;
    }
    Arrays.sort(
        slots,
        (a, b) ->
            values[a] != values[b]
                ? Float.compare(values[b], values[a])
                : Long.compare(rows[a], rows[b]));
    return Arrays.stream(slots).mapToInt(Integer::intValue).toArray();
  }

  long row(int slot) {
    return rows[slot];
  }

  float value(int slot) {
    return values[slot];
  }

  /** The latent's activation at a distance from the place. */
  float around(int slot, int distance) {
    return Float.intBitsToFloat(around[slot * WIDTH + BEFORE + distance] << 16);
  }

  /** SplitMix64's finalizer: uniform, the same on every machine; never negative. */
  static long hash(long row, int latent) {
    long z = row * 0x9e3779b97f4a7c15L + latent * 0xd1342543de82ef95L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return (z ^ z >>> 31) >>> 1;
  }
}
