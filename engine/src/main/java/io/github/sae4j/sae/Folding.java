package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;

/**
 * Folds what training keeps separate into the weights of a served SAE, in SAELens's order:
 *
 * <ol>
 *   <li>the factor s of {@code expected_average_only_in} (training saw s·x): W_enc·s, W_dec/s,
 *       b_dec/s ({@code fold_activation_norm_scaling_factor});
 *   <li>the norms of {@code rescale_acts_by_decoder_norm}: with r_i the norm of row i of the
 *       decoder after step 1, W_enc[i]·r_i, b_enc[i]·r_i, W_dec[i]/r_i.
 * </ol>
 *
 * <p>Every product and quotient is rounded once, in that order; norms are summed by lanes (numerics
 * rule 2). A decoder row of norm 0 stays as it is, and its latent's activation becomes 0.
 */
public final class Folding {
  private final float scale;
  private final float[] norms;

  private Folding(float scale, float[] norms) {
    this.scale = scale;
    this.norms = norms;
  }

  /**
   * Determines what to fold.
   *
   * @param wDec decoder {@code [d_sae, d_out]} before folding
   * @param inputScale the factor s, 1 if there is none; finite and positive
   * @param decoderNorms whether activations are rescaled by decoder norms
   * @return the factors
   */
  public static Folding of(Matrix wDec, float inputScale, boolean decoderNorms) {
    Shapes.expect(
        inputScale > 0 && Float.isFinite(inputScale),
        "input scale",
        "a finite positive number",
        inputScale);
    if (!decoderNorms) {
      return new Folding(inputScale, null);
    }
    float[] norms = new float[wDec.rows()];
    float[] row = new float[wDec.cols()];
    for (int i = 0; i < norms.length; i++) {
      wDec.read(i, 1, row, 0);
      for (int j = 0; j < row.length; j++) {
        row[j] /= inputScale;
      }
      norms[i] = (float) Math.sqrt(OrderedSums.dot(row, 0, row, 0, row.length));
    }
    return new Folding(inputScale, norms);
  }

  /**
   * Folds in place.
   *
   * @param weights the weights that this folding was created for
   */
  public void apply(SaeWeights weights) {
    float[] in = new float[weights.dIn()];
    float[] out = new float[weights.dOut()];
    for (int i = 0; i < weights.dSae(); i++) {
      weights.wEnc().read(i, 1, in, 0);
      encoder(i, in, 0, in.length);
      weights.wEnc().write(i, 1, in, 0);
      weights.wDec().read(i, 1, out, 0);
      decoder(i, out, 0, out.length);
      weights.wDec().write(i, 1, out, 0);
    }
    float[] bEnc = weights.bEnc().toArray();
    encoderBias(bEnc);
    weights.bEnc().write(0, 1, bEnc, 0);
    float[] bDec = weights.bDec().toArray();
    decoderBias(bDec);
    weights.bDec().write(0, 1, bDec, 0);
  }

  /**
   * Folds into a part of an encoder row.
   *
   * @param latent the row
   * @param values holds the part, updated
   * @param from its first position
   * @param count number of elements
   */
  public void encoder(int latent, float[] values, int from, int count) {
    float norm = norms == null ? 1f : norms[latent];
    for (int j = from; j < from + count; j++) {
      float scaled = values[j] * scale;
      values[j] = scaled * norm;
    }
  }

  /**
   * Folds into a part of a decoder row.
   *
   * @param latent the row
   * @param values holds the part, updated
   * @param from its first position
   * @param count number of elements
   */
  public void decoder(int latent, float[] values, int from, int count) {
    float norm = norms == null || norms[latent] == 0f ? 1f : norms[latent];
    for (int j = from; j < from + count; j++) {
      float scaled = values[j] / scale;
      values[j] = scaled / norm;
    }
  }

  /**
   * Folds into the encoder bias.
   *
   * @param values {@code [d_sae]}, updated
   */
  public void encoderBias(float[] values) {
    if (norms != null) {
      for (int i = 0; i < values.length; i++) {
        values[i] *= norms[i];
      }
    }
  }

  /**
   * Folds into the decoder bias.
   *
   * @param values {@code [d_in]}, updated
   */
  public void decoderBias(float[] values) {
    for (int j = 0; j < values.length; j++) {
      values[j] /= scale;
    }
  }
}
