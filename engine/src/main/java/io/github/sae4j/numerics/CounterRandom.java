package io.github.sae4j.numerics;

import java.util.Objects;

/**
 * The project's only random numbers (numerics rule 12): a function of (seed, purpose, index), never
 * of thread or call order, so that any number can be computed without those before it.
 *
 * <p>With {@code G = 0x9E3779B97F4A7C15} and {@code mix} the finaliser of SplitMix64 (Steele, Lea
 * and Flood, "Fast splittable pseudorandom number generators", 2014), the two keys are {@code a =
 * mix(mix(seed + G) + code G)} and {@code b = mix(a ^ H)}, {@code H = 0xD1B54A32D192ED03}, and
 * number {@code i} is {@code mix(mix(i G + a) ^ b)}: a bijection of {@code i} for each key. Not
 * cryptographically secure.
 *
 * @param seed any value
 * @param purpose what the numbers are for
 */
public record CounterRandom(long seed, RandomPurpose purpose) {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;
  private static final long SECOND = 0xD1B54A32D192ED03L;

  /** Refuses a missing purpose. */
  public CounterRandom {
    Objects.requireNonNull(purpose, "purpose");
  }

  /**
   * Number {@code index} of this stream.
   *
   * @param index any value
   * @return 64 uniform bits
   */
  public long bits(long index) {
    long a = mix(mix(seed + GOLDEN) + purpose.code() * GOLDEN);
    long b = mix(a ^ SECOND);
    return mix(mix(index * GOLDEN + a) ^ b);
  }

  /**
   * Number {@code index} as a fraction: the upper 53 bits of {@link #bits} times 2^-53.
   *
   * @param index any value
   * @return uniform in {@code [0, 1)}, a multiple of 2^-53
   */
  public double uniform(long index) {
    return (bits(index) >>> 11) * 0x1p-53;
  }

  /**
   * The finaliser of SplitMix64, a bijection.
   *
   * @param z any value
   * @return well-mixed bits
   */
  public static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
