package io.github.sae4j.internal.activity;

import java.util.Arrays;

/**
 * The candidates of consecutive rows of a batch, rows by ascending latents: the latents whose
 * activation is not 0 and those that a gradient reaches all the same. Arrays are as long as a tile
 * ever was, so that all tiles of a step share them.
 */
public final class ActivityTile {
  private final int capacity;

  /** First row in the batch. */
  public int from;

  /** Number of rows. */
  public int rows;

  /** Where each row begins, and the end of the last. */
  public final int[] starts;

  public int[] latents = {};

  /** What the gate keeps of each: the pre-activation, or the product without the gate's bias. */
  public float[] kept = {};

  /** Activations. */
  public float[] acts = {};

  /** Positive gate pre-activations of gated SAEs. */
  public float[] gates = {};

  /** ⟨g, W_dec⟩; then the gradient of the product with the encoder's row. */
  public float[] deltas = {};

  /** The same of the reconstruction from gates. */
  public float[] gateDeltas = {};

  /**
   * An empty tile.
   *
   * @param batchRows most rows
   * @param capacity most candidates
   */
  public ActivityTile(int batchRows, int capacity) {
    this.capacity = capacity;
    this.starts = new int[batchRows + 1];
  }

  public int size() {
    return starts[rows];
  }

  /** Whether a row of so many candidates may not fit. */
  public boolean full(int more) {
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
  public void reserveResults(boolean withGates) {
    if (acts.length < latents.length) {
      acts = new float[latents.length];
      deltas = new float[latents.length];
      gates = new float[withGates ? latents.length : 0];
      gateDeltas = new float[gates.length];
    }
  }

  /** Begins the next tile after the last row of this one. */
  public void next() {
    from += rows;
    rows = 0;
  }
}
