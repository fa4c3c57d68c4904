package io.github.sae4j.sae;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Shapes;
import java.util.Objects;

/**
 * What an SAE or a transcoder computes, apart from its weights. What can be folded into the weights
 * has been: neither {@code rescale_acts_by_decoder_norm} nor the factor of {@code
 * expected_average_only_in} exists at run time (see {@link Folding}).
 *
 * @param dIn {@code d_in}, width of the activations encoded
 * @param dOut {@code d_out}, width of the output; {@code d_in} except for a transcoder
 * @param dSae {@code d_sae}, number of latents
 * @param activation how latents become active; row by row, so that codes do not depend on how rows
 *     are batched
 * @param transcoder whether the output approximates another activation than the input
 * @param applyBDecToInput {@code apply_b_dec_to_input}: encode x − b_dec instead of x; not with a
 *     transcoder, whose b_dec belongs to the output
 * @param normalization {@code normalize_activations}: what is done to each row before encoding and
 *     undone after decoding; a transcoder does not undo it
 * @param metadata where the SAE belongs and how it was trained
 */
public record SaeConfig(
    int dIn,
    int dOut,
    int dSae,
    Activation activation,
    boolean transcoder,
    boolean applyBDecToInput,
    InputNormalization normalization,
    SaeMetadata metadata) {

  /** Checks the ranges. */
  public SaeConfig {
    Shapes.expect(dIn >= 1, "d_in", "at least 1", dIn);
    Shapes.expect(
        dOut >= 1 && (transcoder || dOut == dIn),
        "d_out",
        transcoder ? "at least 1" : "d_in = " + dIn,
        dOut);
    Shapes.expect(dSae >= 1, "d_sae", "at least 1", dSae);
    activation.checkLatents(dSae);
    Shapes.expect(
        activation.rowByRow(), "activation", "one that takes each row by itself", activation);
    Shapes.expect(
        !(transcoder && applyBDecToInput),
        "apply_b_dec_to_input",
        "false with a transcoder",
        applyBDecToInput);
    Objects.requireNonNull(normalization, "normalization");
    Objects.requireNonNull(metadata, "metadata");
  }

  /**
   * A TopK SAE with SAELens's defaults: b_dec subtracted from the input, no normalisation, ReLU
   * after the selection.
   *
   * @param dIn width of the activations
   * @param dSae number of latents
   * @param k latents per row
   * @return the configuration, without metadata
   */
  public static SaeConfig topK(int dIn, int dSae, int k) {
    return of(dIn, dSae, Ranked.topK(k, Relu.AFTER));
  }

  /**
   * An SAE with SAELens's defaults: b_dec subtracted from the input, no normalisation.
   *
   * @param dIn width of the activations
   * @param dSae number of latents
   * @param activation how latents become active
   * @return the configuration, without metadata
   */
  public static SaeConfig of(int dIn, int dSae, Activation activation) {
    return new SaeConfig(
        dIn, dIn, dSae, activation, false, true, InputNormalization.NONE, SaeMetadata.NONE);
  }

  /**
   * The most latents that a row can have.
   *
   * @return the activation's fixed length, or {@code d_sae} where rows differ
   */
  public int mostLatents() {
    return activation.fixedLength().orElse(dSae);
  }

  /**
   * The same with another normalisation of rows.
   *
   * @param changed what is done to each row
   * @return the changed configuration
   */
  public SaeConfig with(InputNormalization changed) {
    return new SaeConfig(
        dIn, dOut, dSae, activation, transcoder, applyBDecToInput, changed, metadata);
  }

  /**
   * The same with other metadata.
   *
   * @param changed the metadata
   * @return the changed configuration
   */
  public SaeConfig with(SaeMetadata changed) {
    return new SaeConfig(
        dIn, dOut, dSae, activation, transcoder, applyBDecToInput, normalization, changed);
  }

  /**
   * The same with or without b_dec subtracted from the input.
   *
   * @param changed {@code apply_b_dec_to_input}
   * @return the changed configuration
   */
  public SaeConfig withBDecApplied(boolean changed) {
    return new SaeConfig(dIn, dOut, dSae, activation, transcoder, changed, normalization, metadata);
  }
}
