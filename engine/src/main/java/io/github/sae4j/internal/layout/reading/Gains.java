package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.kernels.Activation.Threshold;
import io.github.sae4j.kernels.Activation.Threshold.Magnitude;
import java.io.IOException;

/** The gated form's tensors: gains are stored as logarithms. */
public final class Gains {
  private Gains() {}

  /**
   * Reads a gated activation.
   *
   * @param tensors the file
   * @param logarithms name of {@code r_mag [n]}
   * @param bias name of {@code b_mag [n]}
   * @param n number of latents
   * @return the activation with gains {@code exp(r_mag)}
   */
  public static Threshold gated(WeightTensors tensors, String logarithms, String bias, int n)
      throws IOException {
    float[] gain = tensors.vector(logarithms, n);
    for (int i = 0; i < n; i++) {
      gain[i] = (float) StrictMath.exp(gain[i]);
      if (!Float.isFinite(gain[i])) {
        throw new BadFileException(
            tensors.path(), logarithms + ": expected values with a finite exp, found one without");
      }
    }
    return Threshold.gated(new Magnitude(gain, tensors.vector(bias, n)));
  }
}
