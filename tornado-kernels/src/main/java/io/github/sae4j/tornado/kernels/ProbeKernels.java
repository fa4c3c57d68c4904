package io.github.sae4j.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** The arithmetic that kernels rely on, one operation per output (numerics rule 14). */
public final class ProbeKernels {
  private ProbeKernels() {}

  /** f32: fma, sum, product, quotient, square root, and comparison with the smallest normal. */
  public static void probeFloats(
      KernelContext context,
      FloatArray a,
      FloatArray b,
      FloatArray c,
      FloatArray fused,
      FloatArray sums,
      FloatArray products,
      FloatArray quotients,
      FloatArray roots,
      FloatArray flushed,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      float x = a.get(i);
      float y = b.get(i);
      fused.set(i, c.get(i) + x * y);
      sums.set(i, x + y);
      products.set(i, x * y);
      quotients.set(i, x / y);
      roots.set(i, TornadoMath.sqrt(x));
      flushed.set(i, TornadoMath.abs(x) < Float.MIN_NORMAL ? 0f : x);
    }
  }

  /** f64: sum, product, quotient, square root, and the ways from and to f32. */
  public static void probeDoubles(
      KernelContext context,
      DoubleArray a,
      DoubleArray b,
      FloatArray floats,
      DoubleArray sums,
      DoubleArray products,
      DoubleArray quotients,
      DoubleArray roots,
      FloatArray rounded,
      DoubleArray widened,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      double x = a.get(i);
      double y = b.get(i);
      sums.set(i, x + y);
      products.set(i, x * y);
      quotients.set(i, x / y);
      roots.set(i, TornadoMath.sqrt(x));
      rounded.set(i, (float) x);
      widened.set(i, floats.get(i));
    }
  }
}
