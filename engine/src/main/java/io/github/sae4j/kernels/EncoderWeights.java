package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;

/**
 * The operands of an encoder.
 *
 * @param wEnc {@code [d_sae, d_in]}
 * @param bEnc {@code [1, d_sae]}
 * @param bDec {@code [1, d_in]}, subtracted from the input; or null if the recipe does not
 * @param rankScale {@code [1, d_sae]}, none negative: latents are ranked by pre-activation times
 *     this (decoder norms, {@code rescale_acts_by_decoder_norm}); or null
 */
public record EncoderWeights(Matrix wEnc, Matrix bEnc, Matrix bDec, Matrix rankScale) {
  /** Checks the shapes. */
  public EncoderWeights {
    Shapes.expect("b_enc", bEnc, 1, wEnc.rows());
    if (bDec != null) {
      Shapes.expect("b_dec", bDec, 1, wEnc.cols());
    }
    if (rankScale != null) {
      Shapes.expect("rank scale", rankScale, 1, wEnc.rows());
    }
  }

  /** {@return the width of the input, d_in} */
  public int dIn() {
    return wEnc.cols();
  }

  /** {@return the number of latents, d_sae} */
  public int dSae() {
    return wEnc.rows();
  }
}
