package io.github.sae4j.numerics;

/**
 * The two orders in which numbers are summed on the host: lanes (numerics rule 2) and blocks of 256
 * (rules 5 to 7).
 */
public final class OrderedSums {
  /** Number of strided partial chains of a row sum. */
  public static final int LANES = 16;

  /** Rows per block of a batch-wide sum. */
  public static final int BLOCK = 256;

  private OrderedSums() {}

  /**
   * Dot product by lanes: lane l holds the chain over elements l, l+16, …; a short tail counts as
   * padded with +0; lanes are joined 8, 4, 2, 1.
   *
   * @param a holds the first row
   * @param aFrom its first position
   * @param b holds the second row
   * @param bFrom its first position
   * @param length number of elements
   * @return the sum
   */
  public static float dot(float[] a, int aFrom, float[] b, int bFrom, int length) {
    float[] lanes = new float[LANES];
    for (int j = 0; j < length; j++) {
      int lane = j & (LANES - 1);
      lanes[lane] = Math.fma(a[aFrom + j], b[bFrom + j], lanes[lane]);
    }
    // A lane that a padded tail would touch with fma(+0, +0, s) keeps its bits: s is never −0.
    return joinLanes(lanes);
  }

  /**
   * Joins 16 partial sums by the halving tree.
   *
   * @param lanes 16 partial sums; overwritten
   * @return their sum
   */
  public static float joinLanes(float[] lanes) {
    for (int half = LANES / 2; half >= 1; half /= 2) {
      for (int l = 0; l < half; l++) {
        lanes[l] += lanes[l + half];
      }
    }
    return lanes[0];
  }

  /** Adds doubles in blocks of 256: a plain sum inside a block, blocks added in order. */
  public static final class Blocks {
    private double total;
    private double block;
    private int inBlock;

    /** An empty sum. */
    public Blocks() {}

    /**
     * Adds the next value.
     *
     * @param value the value
     */
    public void add(double value) {
      block += value;
      if (++inBlock == BLOCK) {
        total += block;
        block = 0;
        inBlock = 0;
      }
    }

    /**
     * The sum so far.
     *
     * @return complete blocks in order, then the open one
     */
    public double total() {
      return inBlock == 0 ? total : total + block;
    }
  }
}
