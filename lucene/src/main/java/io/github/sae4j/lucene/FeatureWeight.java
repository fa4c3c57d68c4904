package io.github.sae4j.lucene;

/**
 * The weights that an index can hold. Lucene keeps a {@code FeatureField}'s value as the upper 17
 * bits of a positive float, 9 significant bits, cut off below. What is given to it here was rounded
 * to the nearest such number, which halves the error: at most 2<sup>-9</sup> of the weight, 0.2 %.
 */
final class FeatureWeight {
  /** Bits of a float that {@code FeatureField} drops. */
  private static final int DROPPED = 15;

  private static final int LARGEST = Float.floatToIntBits(Float.MAX_VALUE) >>> DROPPED;

  private FeatureWeight() {}

  /**
   * The term frequency that stands for a weight.
   *
   * @param weight a normal float above 0
   */
  static int frequency(float weight) {
    int nearest = Float.floatToIntBits(weight) + (1 << DROPPED - 1) >>> DROPPED;
    return Math.min(nearest, LARGEST);
  }

  /** The weight that a term frequency stands for, as {@code FeatureField}'s queries decode it. */
  static float decode(int frequency) {
    return Float.intBitsToFloat(frequency << DROPPED);
  }

  /** Whether a value can be a weight in an index: positive, finite, not subnormal. */
  static boolean isWeight(float value) {
    return value >= Float.MIN_NORMAL && value <= Float.MAX_VALUE;
  }
}
