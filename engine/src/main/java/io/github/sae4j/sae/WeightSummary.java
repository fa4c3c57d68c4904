package io.github.sae4j.sae;

import io.github.sae4j.numerics.OrderedSums;

/**
 * Statistics of an SAE's weights that need no activations.
 *
 * @param deadEncoderRows latents whose row of the encoder is all zeros: only their bias can make
 *     them active
 * @param deadDecoderRows latents whose row of the decoder is all zeros: they contribute nothing
 * @param smallestNorm smallest norm of a decoder row
 * @param meanNorm mean norm of the decoder's rows
 * @param largestNorm largest norm of a decoder row
 */
public record WeightSummary(
    int deadEncoderRows,
    int deadDecoderRows,
    double smallestNorm,
    double meanNorm,
    double largestNorm) {

  /**
   * Reads all rows once.
   *
   * @param weights the weights
   * @return the summary
   */
  public static WeightSummary of(SaeWeights weights) {
    float[] in = new float[weights.dIn()];
    float[] out = new float[weights.dOut()];
    int deadIn = 0;
    int deadOut = 0;
    double smallest = Double.POSITIVE_INFINITY;
    double sum = 0;
    double largest = 0;
    for (int i = 0; i < weights.dSae(); i++) {
      weights.readEncoder(i, 1, in, 0);
      deadIn += isZero(in) ? 1 : 0;
      weights.wDec().read(i, 1, out, 0);
      deadOut += isZero(out) ? 1 : 0;
      double norm = Math.sqrt(OrderedSums.dot(out, 0, out, 0, out.length));
      smallest = Math.min(smallest, norm);
      largest = Math.max(largest, norm);
      sum += norm;
    }
    return new WeightSummary(deadIn, deadOut, smallest, sum / weights.dSae(), largest);
  }

  private static boolean isZero(float[] row) {
    for (float value : row) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }
}
