package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Elementwise kernels, a work-item per element of {@code [control[rows], d]}. A product that must
 * be rounded before something is added to it ends its kernel: in one kernel it would become an fma.
 */
public final class ElementKernels {
  private ElementKernels() {}

  /** {@code out = a - row}, the same row for all. */
  public static void subtractRow(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray row,
      FloatArray out,
      int d) {
    int i = context.globalIdx;
    if (i / d < control.get(StepControl.ROWS)) {
      out.set(i, a.get(i) - row.get(i % d));
    }
  }

  /** {@code out = a + row}, the same row for all. */
  public static void addRow(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray row,
      FloatArray out,
      int d) {
    int i = context.globalIdx;
    if (i / d < control.get(StepControl.ROWS)) {
      out.set(i, a.get(i) + row.get(i % d));
    }
  }

  /** {@code out = a - b}; out may be an operand. */
  public static void subtract(
      KernelContext context, IntArray control, FloatArray a, FloatArray b, FloatArray out, int d) {
    int i = context.globalIdx;
    if (i / d < control.get(StepControl.ROWS)) {
      out.set(i, a.get(i) - b.get(i));
    }
  }

  /** {@code target += addend}. */
  public static void add(
      KernelContext context,
      IntArray control,
      FloatArray target,
      FloatArray addend,
      int d,
      int gate) {
    int i = context.globalIdx;
    int live = i / d < control.get(StepControl.ROWS) ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      target.set(i, target.get(i) + addend.get(i));
    }
  }

  /** {@code out = a * factors[row / microRows]}; out may be {@code a}. */
  public static void scale(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray factors,
      FloatArray out,
      int d,
      int microRows,
      int gate) {
    int i = context.globalIdx;
    int row = i / d;
    int live = row < control.get(StepControl.ROWS) ? 1 : 0;
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
      out.set(i, a.get(i) * factors.get(row / microRows));
    }
  }

  /** {@code a = a * factors[row]}, or {@code fma(a, factors[row], shifts[row])} if shifted is 1. */
  public static void scaleRows(
      KernelContext context,
      IntArray control,
      FloatArray a,
      FloatArray factors,
      FloatArray shifts,
      int d,
      int shifted) {
    int i = context.globalIdx;
    int row = i / d;
    if (row < control.get(StepControl.ROWS)) {
      if (shifted == 1) {
        a.set(i, shifts.get(row) + a.get(i) * factors.get(row));
      } else {
        a.set(i, a.get(i) * factors.get(row));
      }
    }
  }
}
