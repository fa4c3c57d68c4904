package io.github.sae4j.internal.start;

/**
 * What the ε of {@code covariance_whitening} leaves of the variances λ along the directions: the
 * whitened rows have λ/(λ + ε), about 1 where ε is small beside λ, and about 0 where it is large.
 *
 * @param variance mean of λ/(λ + ε) over all directions; 0 if the rows do not vary
 * @param directions how many vary by more than the rounding of the rows
 * @param whitened mean of λ/(λ + ε) over those; 1 if there are none
 * @param helpful the ε for which that mean is 0.9, rounded down to two digits; 0 if there are none
 */
public record Spectrum(double variance, int directions, double whitened, double helpful) {
  /** Rounding of rows in f32 leaves about 2⁻⁴⁸ of the largest variance along any direction. */
  private static final double LEAST_SHARE = 1e-13;

  private static final double HELPED = 0.9;

  /** Halvings of an interval between logarithms; a double has no more digits. */
  private static final int HALVINGS = 100;

  /**
   * Looks at variances.
   *
   * @param variances λ, descending; negative ones count as 0
   * @param epsilon ε
   * @return what ε leaves of them
   */
  static Spectrum of(double[] variances, double epsilon) {
    int directions = 0;
    double most = Math.max(0, variances[0]);
    while (directions < variances.length
        && variances[directions] > 0
        && variances[directions] >= LEAST_SHARE * most) {
      directions++;
    }
    double all = sum(variances, variances.length, epsilon) / variances.length;
    if (directions == 0) {
      return new Spectrum(all, 0, 1, 0);
    }
    // λ/(λ + ε) is at least 0.9 for the smallest λ here, and less for the largest there.
    double low = StrictMath.log(variances[directions - 1] / 16);
    double high = StrictMath.log(most);
    for (int i = 0; i < HALVINGS; i++) {
      double middle = (low + high) / 2;
      if (sum(variances, directions, StrictMath.exp(middle)) >= HELPED * directions) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return new Spectrum(
        all,
        directions,
        sum(variances, directions, epsilon) / directions,
        roundedDown(StrictMath.exp(low)));
  }

  private static double sum(double[] variances, int count, double epsilon) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      double value = Math.max(0, variances[i]);
      sum += value / (value + epsilon);
    }
    return sum;
  }

  private static double roundedDown(double number) {
    double unit = StrictMath.pow(10, Math.floor(StrictMath.log10(number)) - 1);
    return Math.floor(number / unit) * unit;
  }
}
