package io.github.sae4j.bench.probes;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The cores' peak arithmetic: fused multiply-adds on registers only, ten independent chains of the
 * widest vectors, no memory access. Ten chains cover the latency of two FMA units (4 cycles each)
 * and leave room in 16 registers.
 */
public final class PeakFlops {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int CHAINS = 10;
  private static final int STEPS = 4_000_000;

  private PeakFlops() {}

  /** Floating-point operations of one {@link #run}, all threads together. */
  public static double flops(int threads) {
    return 2.0 * CHAINS * SPECIES.length() * STEPS * threads;
  }

  /** The width that is used, in bits. */
  public static int vectorBits() {
    return SPECIES.vectorBitSize();
  }

  /**
   * Runs the chains.
   *
   * @param threads how many at once
   * @return a number that depends on every operation
   */
  public static float run(int threads) {
    float[] sums = new float[threads];
    Parallel.run(threads, index -> sums[index] = chains(STEPS));
    float sum = 0;
    for (float one : sums) {
      sum += one;
    }
    return sum;
  }

  /**
   * The value each chain converges to is b / (1 − a) = 2, whatever the number of steps, so the
   * result can be checked.
   */
  public static boolean correct(float sum, int threads) {
    return Math.abs(sum - 2f * CHAINS * SPECIES.length() * threads) < 1e-3f * sum;
  }

  private static float chains(int steps) {
    FloatVector a = FloatVector.broadcast(SPECIES, 0.5f);
    FloatVector b = FloatVector.broadcast(SPECIES, 1f);
    FloatVector c0 = FloatVector.broadcast(SPECIES, 0f);
    FloatVector c1 = FloatVector.broadcast(SPECIES, 1f);
    FloatVector c2 = FloatVector.broadcast(SPECIES, 2f);
    FloatVector c3 = FloatVector.broadcast(SPECIES, 3f);
    FloatVector c4 = FloatVector.broadcast(SPECIES, 4f);
    FloatVector c5 = FloatVector.broadcast(SPECIES, 5f);
    FloatVector c6 = FloatVector.broadcast(SPECIES, 6f);
    FloatVector c7 = FloatVector.broadcast(SPECIES, 7f);
    FloatVector c8 = FloatVector.broadcast(SPECIES, 8f);
    FloatVector c9 = FloatVector.broadcast(SPECIES, 9f);
    for (int i = 0; i < steps; i++) {
      c0 = c0.fma(a, b);
      c1 = c1.fma(a, b);
      c2 = c2.fma(a, b);
      c3 = c3.fma(a, b);
      c4 = c4.fma(a, b);
      c5 = c5.fma(a, b);
      c6 = c6.fma(a, b);
      c7 = c7.fma(a, b);
      c8 = c8.fma(a, b);
      c9 = c9.fma(a, b);
    }
    float[] lanes = new float[SPECIES.length()];
    c0.add(c1).add(c2).add(c3).add(c4).add(c5).add(c6).add(c7).add(c8).add(c9).intoArray(lanes, 0);
    float sum = 0;
    for (float lane : lanes) {
      sum += lane;
    }
    return sum;
  }
}
