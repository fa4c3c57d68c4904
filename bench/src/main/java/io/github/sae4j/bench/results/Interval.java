package io.github.sae4j.bench.results;

import java.util.Arrays;
import java.util.Locale;

/**
 * A confidence interval of a median, from order statistics: it supposes nothing about how times are
 * distributed, only that rounds are independent of one another.
 *
 * @param low lower end
 * @param high upper end
 * @param confidence the probability that an interval made this way holds the median, in [0, 1]; few
 *     samples cannot give 0.95, then the interval is from the smallest to the largest
 */
public record Interval(double low, double high, double confidence) {
  private static final double WANTED = 0.95;

  /**
   * The narrowest interval of the median between two samples equally far from the ends that holds
   * it with 95 %, or from the smallest to the largest sample where none does.
   *
   * @param samples the samples, one at least
   * @return the interval
   * @throws IllegalArgumentException if there are no samples
   */
  public static Interval ofMedian(double[] samples) {
    int count = samples.length;
    if (count == 0) {
      throw new IllegalArgumentException("samples: expected one at least, got none");
    }
    double[] sorted = samples.clone();
    Arrays.sort(sorted);
    // The median lies left of the sample at position `cut` if at most `cut` samples lie left of it:
    // a sum of binomial probabilities with p = 1/2.
    double probability = Math.pow(0.5, count);
    double outside = probability;
    int cut = 0;
    double kept = outside;
    while (2 * (cut + 1) < count) {
      probability = probability * (count - cut) / (cut + 1);
      outside += probability;
      if (1 - 2 * outside < WANTED) {
        break;
      }
      cut++;
      kept = outside;
    }
    return new Interval(sorted[cut], sorted[count - 1 - cut], Math.max(0, 1 - 2 * kept));
  }

  /**
   * The interval of the median of quotients, round by round: what disturbs a round is in both.
   *
   * @param over numerators, one per round
   * @param under denominators of the same rounds
   * @return the interval
   * @throws IllegalArgumentException if the numbers of rounds differ, or there are none
   */
  public static Interval ofQuotients(double[] over, double[] under) {
    if (over.length != under.length) {
      throw new IllegalArgumentException(
          "under: expected " + over.length + " rounds as in over, got " + under.length);
    }
    double[] quotients = new double[over.length];
    Arrays.setAll(quotients, i -> over[i] / under[i]);
    return ofMedian(quotients);
  }

  /** The interval with both ends multiplied, to change the unit. */
  public Interval times(double factor) {
    return new Interval(low * factor, high * factor, confidence);
  }

  /** Both ends with three digits, and the confidence in percent. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT, "%.3f .. %.3f (%.0f %%)", low, high, Math.floor(confidence * 100));
  }
}
