package io.github.sae4j.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Elementwise kernels, a work-item per element of {@code [flow[rows], d]}. A product that must be
 * rounded before something is added to it ends its kernel: in one kernel it would become an fma.
 */
final class ElementKernels {
  private ElementKernels() {}

  /** {@code out = a - row}, the same row for all. */
  static void subtractRow(
      KernelContext context, IntArray flow, FloatArray a, FloatArray row, FloatArray out, int d) {
    int i = context.globalIdx;
    if (i / d < flow.get(Flow.ROWS)) {
      out.set(i, a.get(i) - row.get(i % d));
    }
  }

  /** {@code out = a + row}, the same row for all. */
  static void addRow(
      KernelContext context, IntArray flow, FloatArray a, FloatArray row, FloatArray out, int d) {
    int i = context.globalIdx;
    if (i / d < flow.get(Flow.ROWS)) {
      out.set(i, a.get(i) + row.get(i % d));
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
}
