package io.github.sae4j.internal.activity;

/**
 * The hyperbolic tangent and its derivative in double, by the same operations on every machine
 * (numerics rule 15), and much faster than {@code StrictMath}. With t = exp(−2|y|), tanh |y| = (1 −
 * t) / (1 + t) and its derivative is 4 t / (1 + t)².
 *
 * <p>exp(v) for v ≤ 0: k = rint(v log₂ e), r = (v − k · ln2 high) − k · ln2 low, a polynomial of
 * degree 12 in r by Horner's rule, times 2^k. Below −700, where it is no longer a normal number
 * that matters, 0.
 */
final class Tanh {
  private static final double LOG2_E = 1.4426950408889634;

  /** The first 33 bits of ln 2, so that its products with k are exact; and the rest. */
  private static final double LN2_HIGH = 0x1.62e42feep-1;

  private static final double LN2_LOW = 0x1.a39ef35793c76p-33;

  /** Up to here y − y³/3 is exact enough for f32, and 1 − t would cancel. */
  private static final double SMALL = 1e-3;

  private Tanh() {}

  /** exp(−2|y|). */
  static double decay(double y) {
    double v = -2 * Math.abs(y);
    if (!(v > -700)) {
      return 0;
    }
    double k = Math.rint(v * LOG2_E);
    double r = (v - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 1.0 / 2;
    sum = sum * r + 1;
    sum = sum * r + 1;
    return sum * Double.longBitsToDouble((long) (1023 + k) << 52);
  }

  /** tanh y, given {@link #decay} of it. */
  static double value(double y, double decay) {
    double size = Math.abs(y);
    double value = size < SMALL ? size - size * size * size / 3 : (1 - decay) / (1 + decay);
    return y < 0 ? -value : value;
  }

  /** 1 − tanh² y, given {@link #decay} of y. */
  static double slope(double decay) {
    double sum = 1 + decay;
    return 4 * decay / (sum * sum);
  }
}
