package io.github.sae4j.internal.composed;

import java.util.Arrays;

/**
 * The candidates of consecutive rows of a batch, rows by ascending latents: the latents whose
 * activation is not 0 and those that a gradient reaches all the same. Arrays are as long as a tile
 * ever was, so that all tiles of a step share them.
 */
final class ActivityTile {
  /** Bytes of a candidate on the heap. */
  static final int HEAP_BYTES = 6 * 4;

  private final int capacity;

  /** First row in the batch. */
  int from;

  /** Number of rows. */
  int rows;

  /** Where each row begins, and the end of the last. */
  final int[] starts;

  int[] latents = {};

  /** What the gate keeps of each: the pre-activation, or the product without the gate's bias. */
  float[] kept = {};

  /** Activations. */
  float[] acts = {};

  /** Positive gate pre-activations of gated SAEs. */
  float[] gates = {};

  /** ⟨g, W_dec⟩; then the gradient of the product with the encoder's row. */
  float[] deltas = {};

  /** The same of the reconstruction from gates. */
  float[] gateDeltas = {};

  /**
   * An empty tile.
   *
   * @param batchRows most rows
   * @param capacity most candidates
   */
  ActivityTile(int batchRows, int capacity) {
    this.capacity = capacity;
    this.starts = new int[batchRows + 1];
  }

  int size() {
    return starts[rows];
  }

  /** Whether a row of so many candidates may not fit. */
  boolean full(int more) {
    return size() > capacity - more;
  }

  /** Makes room for a row of so many candidates. */
  void reserve(int more) {
    int needed = size() + more;
    if (latents.length < needed) {
      int length = (int) Math.min(capacity, Math.max(needed, 2L * latents.length));
      latents = Arrays.copyOf(latents, length);
      kept = Arrays.copyOf(kept, length);
    }
  }

  /** Makes the arrays of results as long as those of candidates. */
  void reserveResults(boolean withGates) {
    if (acts.length < latents.length) {
      acts = new float[latents.length];
      deltas = new float[latents.length];
      gates = new float[withGates ? latents.length : 0];
      gateDeltas = new float[gates.length];
    }
  }

  /** Begins the next tile after the last row of this one. */
  void next() {
    from += rows;
    rows = 0;
  }
}
