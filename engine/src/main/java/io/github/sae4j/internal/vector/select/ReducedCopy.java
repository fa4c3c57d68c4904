package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.PANEL;

import io.github.sae4j.internal.vector.gemm.Packing;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * A copy of W_enc in 8 or 16 bits, and for each latent how far a product with the copy can be from
 * the product with W_enc.
 *
 * <p><b>Layout.</b> Panels of latents as in {@link Packing}, but of ints: {@code [panels][groups]
 * [PANEL]}, an int for 4 (INT8) or 2 (BF16) consecutive elements of a latent's row. Element q of a
 * group is in the bits that a shift to the left by 8q or 16q brings to the top. What is left of the
 * others below it is not masked: the float that a kernel makes of the shifted int, by conversion
 * (INT8) or as it is (BF16), includes them, and an element's own bits are chosen last to first so
 * that this float is the nearest. That takes a shift an element, and costs no accuracy.
 *
 * <p><b>Bound.</b> Let x be a row, w one of W_enc, f the floats above, t the latent's unit (a float
 * with w ≈ t f), u = 2⁻²⁴ and γ = m u / (1 − m u), m being d_in + 16. A kernel computes S, sums of
 * products fma(x_j, f_j, s) in some order with fewer than m roundings on each path; numerics rule 1
 * defines p, a chain of d_in. A rounding is exact to a factor 1 + δ, |δ| ≤ u, or, where the result
 * is denormal, to 2⁻¹⁵⁰. So
 *
 * <pre>
 *   |S − x·f| ≤ γ ‖x‖ ‖f‖ + m 2⁻¹⁴⁹        |p − x·w| ≤ γ ‖x‖ ‖w‖ + m 2⁻¹⁴⁹
 *   |x·w − t x·f| = |x·(w − t f)| ≤ ‖x‖ r,   r = ‖w − t f‖,   t ‖f‖ ≤ ‖w‖ + r
 *   |p − t S| ≤ ‖x‖ ((1 + γ) r + 2 γ ‖w‖) + (1 + t) m 2⁻¹⁴⁹ = ‖x‖ e + a
 * </pre>
 *
 * by Cauchy and Schwarz and because |x|·|w| is at most ‖x‖ ‖w‖. {@link #errors} holds e for each
 * latent and {@link #absolute} a for all, both rounded up. The row's part is in {@link Screening}.
 */
final class ReducedCopy {
  /** Roundings beside those of d_in products: padding, joined accumulators, and a reserve. */
  private static final int MORE_ROUNDINGS = 16;

  /** The longest rows whose bound is worth anything: γ is a number as long as m u is below 1. */
  static final int MOST_ELEMENTS = 1 << 22;

  /** Covers the roundings of norms in double; each is 1e-16 times a few thousand. */
  private static final double OUTWARD = 1 + 1e-9;

  /** Rows whose elements are all smaller are copied as zeros, so that units are normal numbers. */
  private static final float TINY = 0x1p-80f;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

  /** Elements of a row in an int. */
  final int perInt;

  /** Ints of a row. */
  final int groups;

  /** The copy. */
  final MemorySegment words;

  /** t, padded to whole panels. */
  final float[] units;

  /** e, padded to whole panels; infinite or NaN where a row is not finite. */
  final float[] errors;

  /** a. */
  final float absolute;

  /** The largest e; infinite or NaN if one is. */
  final double largestError;

  /** At least the norm of every row; infinite or NaN if one is not finite. */
  final double largestNorm;

  private final int dIn;
  private final double gamma;

  /**
   * Makes a copy.
   *
   * @param pool does it
   * @param memory holds it
   * @param wEnc {@code [d_sae, d_in]}
   * @param int8 whether in 8 bits rather than 16
   */
  ReducedCopy(WorkerPool pool, OffHeap memory, Matrix wEnc, boolean int8) {
    dIn = wEnc.cols();
    perInt = int8 ? 4 : 2;
    groups = Math.ceilDiv(dIn, perInt);
    double roundings = (double) dIn + MORE_ROUNDINGS;
    gamma = roundings * 0x1p-24 / (1 - roundings * 0x1p-24);
    int panels = Packing.panels(wEnc.rows());
    words = memory.block(4L * PANEL * groups * panels);
    units = new float[panels * PANEL];
    errors = new float[panels * PANEL];
    double[] norms = new double[panels];
    pool.run(
        panels,
        (panel, worker) -> {
          float[] row = new float[groups * perInt];
          int[] ints = new int[groups];
          int first = panel * PANEL;
          for (int i = first; i < Math.min(wEnc.rows(), first + PANEL); i++) {
            Rows.copy(wEnc, i, 0, dIn, row, 0);
            double norm = copy(row, ints, i);
            norms[panel] = Math.max(norms[panel], norm); // NaN stays
            for (int g = 0; g < groups; g++) {
              words.set(INT, 4L * (PANEL * ((long) panel * groups + g) + i - first), ints[g]);
            }
          }
        });
    largestNorm = largest(norms);
    largestError = largest(errors);
    double unit = largest(units);
    absolute = up((1 + unit) * roundings * 0x1p-148);
  }

  private static double largest(double[] values) {
    double largest = 0;
    for (double value : values) {
      largest = Math.max(largest, value);
    }
    return largest;
  }

  private static double largest(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, value);
    }
    return largest;
  }

  /** The least float that is not below a number. */
  static float up(double value) {
    float rounded = (float) value;
    return rounded < value ? Math.nextUp(rounded) : rounded;
  }

  /** Where a panel begins, in bytes. */
  long panelAt(int panel) {
    return 4L * PANEL * groups * panel;
  }

  /** An element as kernels see it, in the latent's units: what a product with it is exact for. */
  float element(int latent, int j) {
    long group = (long) (latent / PANEL) * groups + j / perInt;
    int shifted = words.get(INT, 4L * (PANEL * group + latent % PANEL)) << shift(j);
    return int8() ? shifted : Float.intBitsToFloat(shifted);
  }

  private int shift(int j) {
    return 32 / perInt * (j % perInt);
  }

  /** Whether the copy is in 8 bits. */
  boolean int8() {
    return perInt == 4;
  }

  /** Copies a row, sets its latent's unit and error, and returns at least its norm. */
  private double copy(float[] row, int[] ints, int latent) {
    double squares = 0;
    float largest = 0;
    for (int j = 0; j < dIn; j++) {
      squares += (double) row[j] * row[j];
      largest = Math.max(largest, Math.abs(row[j]));
    }
    double norm = Math.sqrt(squares) * OUTWARD;
    boolean finite = squares < Double.POSITIVE_INFINITY;
    double residual = norm;
    Arrays.fill(ints, 0);
    if (finite && largest >= TINY) {
      float step = int8() ? largest / 127 : 1f;
      units[latent] = int8() ? step * 0x1p-24f : 1f;
      for (int g = 0; g < groups; g++) {
        ints[g] = int8() ? bytes(row, 4 * g, step) : halves(row, 2 * g);
      }
      squares = 0;
      for (int j = 0; j < dIn; j++) {
        double difference = row[j] - (double) units[latent] * element(ints, j);
        squares += difference * difference;
      }
      residual = Math.sqrt(squares) * OUTWARD;
    }
    errors[latent] = up(((1 + gamma) * residual + 2 * gamma * norm) * OUTWARD);
    return norm;
  }

  /** What a kernel makes of an element. */
  private float element(int[] ints, int j) {
    int shifted = ints[j / perInt] << shift(j);
    return int8() ? shifted : Float.intBitsToFloat(shifted);
  }

  /** Four elements in an int: those at its bottom first, which are fractions of those above. */
  private static int bytes(float[] row, int from, float step) {
    long word = 0;
    for (int q = 3; q >= 0; q--) {
      int bits = 8 * (3 - q);
      double below = (double) (word & (1L << bits) - 1) / (1L << bits);
      long value = Math.round((double) row[from + q] / step - below);
      word |= (Math.clamp(value, -128, 127) & 0xff) << bits;
    }
    return (int) word;
  }

  /** Two elements in an int: the second, then the first, with the second as its last bits. */
  private static int halves(float[] row, int from) {
    int low = nearestHalf(row[from + 1], 0);
    return nearestHalf(row[from], low >>> 16) | low >>> 16;
  }

  /** The upper half of a float that is nearest to a value, given the lower half. */
  private static int nearestHalf(float value, int below) {
    int base = Float.floatToRawIntBits(value) & 0xffff0000;
    int best = base;
    double least = Double.POSITIVE_INFINITY;
    // Magnitudes grow with the bits. A step below 0 or beyond the largest is of the other sign, or
    // not finite, and never the nearest.
    for (int step = -0x10000; step <= 0x10000; step += 0x10000) {
      float there = Float.intBitsToFloat(base + step | below);
      double distance = Math.abs((double) there - value);
      if (Float.isFinite(there) && distance < least) {
        least = distance;
        best = base + step;
      }
    }
    return best;
  }
}
