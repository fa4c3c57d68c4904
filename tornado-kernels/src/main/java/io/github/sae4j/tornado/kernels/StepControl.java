package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The integers that steer a graph of kernels while it runs. TornadoVM compiles scalar arguments
 * into a kernel as constants, so whatever changes between runs, or is found out on the device, sits
 * in one small array that goes to the device before a run and comes back after it. Kernels get the
 * number of a slot as a constant: the slot that must not be 0 for them to work (their gate), the
 * slot that holds their number of columns or codes.
 */
public final class StepControl {
  /** Always 1: the gate of a kernel without one. */
  public static final int ALWAYS = 0;

  /** Rows of this batch. */
  public static final int ROWS = 1;

  /** Whether the batch's variance is wanted. */
  public static final int VARIANCE = 2;

  /** 1 + the first row with a pre-activation that is not finite, or 0. */
  public static final int BAD_ROW = 3;

  /** Number of latents. */
  public static final int LATENTS = 4;

  /** Codes per row; the length of their arrays, where rows are of any length. */
  public static final int K = 5;

  /** Codes per row of the Multi-TopK term. */
  public static final int MULTI_K = 6;

  /** Number of dead latents. */
  public static final int DEAD = 7;

  /** Codes per row of the AuxK term: min(k_aux, dead). */
  public static final int AUX_K = 8;

  /** 1 until a value that is not finite is found; the state may change only while it is 1. */
  public static final int GOOD = 9;

  /** 1 + the first row whose AuxK term ranks a value that is not finite, or 0. */
  public static final int AUX_BAD_ROW = 10;

  private static final int SLOTS = 11;

  private StepControl() {}

  /**
   * A new array.
   *
   * @param rows rows of the batch
   * @param latents number of latents, or of columns
   * @param k codes per row, or the length of their arrays
   * @return slots as above; the rest 0
   */
  public static IntArray of(int rows, int latents, int k) {
    return IntArray.fromArray(values(rows, latents, k));
  }

  /**
   * What such an array holds.
   *
   * @param rows rows of the batch
   * @param latents number of latents, or of columns
   * @param k codes per row, or the length of their arrays
   * @return slots as above; the rest 0
   */
  public static int[] values(int rows, int latents, int k) {
    int[] control = new int[SLOTS];
    control[ALWAYS] = 1;
    control[ROWS] = rows;
    control[LATENTS] = latents;
    control[K] = k;
    control[GOOD] = 1;
    return control;
  }
}
