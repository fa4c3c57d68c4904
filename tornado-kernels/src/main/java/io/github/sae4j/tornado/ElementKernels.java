package io.github.sae4j.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Elementwise kernels, a work-item per element of {@code [flow[rows], d]}. A product that must be
 * rounded before something is added to it ends its kernel: in one kernel it would become an fma.
 */
final class ElementKernels {
  /** Positions of Adam's constants in their array. */
  static final int ONE_MINUS_BETA1 = 0;

  static final int NEGATED_ONE_MINUS_BETA1 = 1;
  static final int ONE_MINUS_BETA2 = 2;
  static final int NEGATED_ONE_MINUS_BETA2 = 3;
  static final int INVERSE_ROOT_CORRECTION2 = 4;
  static final int EPSILON = 5;
  static final int NEGATIVE_STEP_SIZE = 6;

  /** Length of the array of Adam's constants. */
  static final int ADAM_CONSTANTS = 7;

  private ElementKernels() {}

  /** {@code out = a - row}, the same row for all. */
  static void subtractRow(
      KernelContext context, IntArray flow, FloatArray a, FloatArray row, FloatArray out, int d) {
    int i = context.globalIdx;
    if (i / d < flow.get(Flow.ROWS)) {
      out.set(i, a.get(i) - row.get(i % d));
    }
  }

  /** {@code out = a - b}; out may be an operand. */
  static void subtract(
      KernelContext context, IntArray flow, FloatArray a, FloatArray b, FloatArray out, int d) {
    int i = context.globalIdx;
    if (i / d < flow.get(Flow.ROWS)) {
      out.set(i, a.get(i) - b.get(i));
    }
  }

  /** {@code target += addend}. */
  static void add(
      KernelContext context, IntArray flow, FloatArray target, FloatArray addend, int d, int gate) {
    int i = context.globalIdx;
    int live = i / d < flow.get(Flow.ROWS) ? 1 : 0;
    if ((live & (flow.get(gate) != 0 ? 1 : 0)) == 1) {
      target.set(i, target.get(i) + addend.get(i));
    }
  }

  /** {@code out = a * factors[row / microRows]}; out may be {@code a}. */
  static void scale(
      KernelContext context,
      IntArray flow,
      FloatArray a,
      FloatArray factors,
      FloatArray out,
      int d,
      int microRows,
      int gate) {
    int i = context.globalIdx;
    int row = i / d;
    int live = row < flow.get(Flow.ROWS) ? 1 : 0;
    if ((live & (flow.get(gate) != 0 ? 1 : 0)) == 1) {
      out.set(i, a.get(i) * factors.get(row / microRows));
    }
  }

  /** {@code a = a * factors[row]}, or {@code fma(a, factors[row], shifts[row])} if shifted is 1. */
  static void scaleRows(
      KernelContext context,
      IntArray flow,
      FloatArray a,
      FloatArray factors,
      FloatArray shifts,
      int d,
      int shifted) {
    int i = context.globalIdx;
    int row = i / d;
    if (row < flow.get(Flow.ROWS)) {
      if (shifted == 1) {
        a.set(i, shifts.get(row) + a.get(i) * factors.get(row));
      } else {
        a.set(i, a.get(i) * factors.get(row));
      }
    }
  }

  /**
   * One Adam update as {@code io.github.sae4j.device.Adam} writes it out.
   *
   * @param clip [0] multiplies the gradient, if {@code clipped} is 1
   * @param constants as positioned above
   * @param size number of elements
   */
  static void adam(
      KernelContext context,
      IntArray flow,
      FloatArray weights,
      FloatArray gradient,
      FloatArray m,
      FloatArray v,
      FloatArray constants,
      FloatArray clip,
      int size,
      int clipped,
      int gate) {
    int i = context.globalIdx;
    int live = i < size ? 1 : 0;
    if ((live & (flow.get(gate) != 0 ? 1 : 0)) == 1) {
      float g = gradient.get(i);
      if (clipped == 1) {
        g = g * clip.get(0);
      }
      float square = g * g;
      float first = m.get(i);
      float second = v.get(i);
      first = first + first * constants.get(NEGATED_ONE_MINUS_BETA1);
      first = first + g * constants.get(ONE_MINUS_BETA1);
      second = second + second * constants.get(NEGATED_ONE_MINUS_BETA2);
      second = second + square * constants.get(ONE_MINUS_BETA2);
      first = TornadoMath.abs(first) < Float.MIN_NORMAL ? 0f : first;
      second = TornadoMath.abs(second) < Float.MIN_NORMAL ? 0f : second;
      float s =
          constants.get(EPSILON)
              + TornadoMath.sqrt(second) * constants.get(INVERSE_ROOT_CORRECTION2);
      m.set(i, first);
      v.set(i, second);
      weights.set(i, weights.get(i) + (first / s) * constants.get(NEGATIVE_STEP_SIZE));
    }
  }
}
