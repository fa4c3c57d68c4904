package io.github.sae4j.tornado.kernels;

import io.github.sae4j.kernels.Adam;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The optimizer's update, a work-item per weight. */
public final class AdamKernels {
  /** Positions of the constants in their array. */
  public static final int ONE_MINUS_BETA1 = 0;

  public static final int NEGATED_ONE_MINUS_BETA1 = 1;
  public static final int ONE_MINUS_BETA2 = 2;
  public static final int NEGATED_ONE_MINUS_BETA2 = 3;
  public static final int INVERSE_ROOT_CORRECTION2 = 4;
  public static final int EPSILON = 5;
  public static final int NEGATIVE_STEP_SIZE = 6;

  /** Length of the array of constants. */
  public static final int CONSTANTS = 7;

  private AdamKernels() {}

  /**
   * A step's constants as the kernel reads them.
   *
   * @param adam the constants
   * @return positioned as above
   */
  public static float[] constants(Adam adam) {
    float[] constants = new float[CONSTANTS];
    constants[ONE_MINUS_BETA1] = adam.oneMinusBeta1();
    constants[NEGATED_ONE_MINUS_BETA1] = -adam.oneMinusBeta1();
    constants[ONE_MINUS_BETA2] = adam.oneMinusBeta2();
    constants[NEGATED_ONE_MINUS_BETA2] = -adam.oneMinusBeta2();
    constants[INVERSE_ROOT_CORRECTION2] = adam.inverseRootCorrection2();
    constants[EPSILON] = adam.epsilon();
    constants[NEGATIVE_STEP_SIZE] = adam.negativeStepSize();
    return constants;
  }

  /**
   * One Adam update as {@code io.github.sae4j.kernels.Adam} writes it out.
   *
   * @param clip [0] multiplies the gradient, if {@code clipped} is 1
   * @param constants as positioned above
   * @param size number of elements
   */
  public static void adam(
      KernelContext context,
      IntArray control,
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
    if ((live & (control.get(gate) != 0 ? 1 : 0)) == 1) {
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
