package io.github.sae4j.internal.vector.select;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Order statistics of a few hundred numbers, found by counting instead of moving. The numbers begin
 * at a multiple of the vector's length, and the rest of their last vector is for {@link #pad}.
 */
final class Counting {
  /** Guesses before the exact number is computed. */
  private static final int GUESSES = 5;

  private Counting() {}

  /** Fills the last vector of the numbers with −∞. */
  static void pad(float[] numbers, int from, int count) {
    int end = from + count;
    Arrays.fill(numbers, end, (end + LENGTH - 1) / LENGTH * LENGTH, Float.NEGATIVE_INFINITY);
  }

  /**
   * A value that at least {@code least} and at most {@code most} of the padded numbers reach, found
   * by interpolation.
   *
   * @param low a lower bound of them; may be −∞
   * @return the value; or NaN if a few guesses did not find one, as where many are equal
   */
  static float reachedBy(float[] numbers, int from, int count, int least, int most, float low) {
    float high = highest(numbers, from, count);
    int reachLow = count;
    int reachHigh = 1;
    // The values of candidates fall off as e^−x: half of 64 lie in the first sixth of their range.
    float guess = low + (high - low) / 6;
    for (int i = 0; i < GUESSES && guess > low && guess < high; i++) {
      int reached = countReaching(numbers, from, count, guess);
      if (reached >= least && reached <= most) {
        return guess;
      }
      if (reached > most) {
        low = guess;
        reachLow = reached;
      } else {
        high = guess;
        reachHigh = reached;
      }
      guess = low + (high - low) * (reachLow - (least + most) / 2) / (reachLow - reachHigh);
    }
    return Float.NaN;
  }

  // Two methods, because the operator must be a compile-time constant: otherwise every vector is
  // boxed,
  // unless the call happens to be inlined.

  /** How many padded numbers exceed a value. */
  static int countAbove(float[] numbers, int from, int count, float value) {
    int above = 0;
    for (int i = from; i < from + count; i += LENGTH) {
      FloatVector number = FloatVector.fromArray(SPECIES, numbers, i);
      above += number.compare(VectorOperators.GT, value).trueCount();
    }
    return above;
  }

  /** How many padded numbers reach a value. */
  private static int countReaching(float[] numbers, int from, int count, float value) {
    int reached = 0;
    for (int i = from; i < from + count; i += LENGTH) {
      FloatVector number = FloatVector.fromArray(SPECIES, numbers, i);
      reached += number.compare(VectorOperators.GE, value).trueCount();
    }
    return reached;
  }

  // Written out: a method that takes vectors boxes them where it was compiled before it is called
  // here.
  private static float highest(float[] numbers, int from, int count) {
    FloatVector high = FloatVector.fromArray(SPECIES, numbers, from);
    for (int i = from + LENGTH; i < from + count; i += LENGTH) {
      FloatVector next = FloatVector.fromArray(SPECIES, numbers, i);
      high = high.blend(next, next.compare(VectorOperators.GT, high));
    }
    return high.reduceLanes(VectorOperators.MAX);
  }

  /** The k-th largest of the padded numbers. */
  static float kthLargest(float[] numbers, int from, int count, int k) {
    return kthLargest(numbers, from, count, k, k);
  }

  /**
   * The k-th largest of the padded numbers, or a smaller one that at most {@code most} reach:
   * quickselect that counts instead of moving.
   *
   * @return the number; −∞ if fewer than k exceed that
   */
  static float kthLargest(float[] numbers, int from, int count, int k, int most) {
    float low = Float.NEGATIVE_INFINITY;
    float high = Float.POSITIVE_INFINITY;
    while (true) {
      float pivot = between(numbers, from, count, low, high);
      int reached = countReaching(numbers, from, count, pivot);
      if (reached < k) {
        if (pivot == high) {
          return Float.NEGATIVE_INFINITY;
        }
        high = pivot;
      } else if (reached <= most || countAbove(numbers, from, count, pivot) < k) {
        return pivot;
      } else {
        low = pivot;
      }
    }
  }

  /** A number between two values, from somewhere in the middle. */
  private static float between(float[] numbers, int from, int count, float low, float high) {
    int vectors = (count + LENGTH - 1) / LENGTH;
    for (int v = 0, at = vectors / 2; v < vectors; v++, at = at + 1 == vectors ? 0 : at + 1) {
      FloatVector number = FloatVector.fromArray(SPECIES, numbers, from + at * LENGTH);
      VectorMask<Float> inside =
          number.compare(VectorOperators.GT, low).and(number.compare(VectorOperators.LT, high));
      if (inside.anyTrue()) {
        return numbers[from + at * LENGTH + inside.firstTrue()];
      }
    }
    // Only where k of them are +∞ or fewer exceed −∞, errors of the row that the caller detects.
    return high;
  }
}
