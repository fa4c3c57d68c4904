package io.github.sae4j.sae;

import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Shapes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What a trained TopK SAE computes, apart from its weights. What can be folded into the weights has
 * been: neither {@code rescale_acts_by_decoder_norm} nor the factor of {@code
 * expected_average_only_in} exists at run time (see {@link Folding}).
 *
 * @param dIn {@code d_in}, width of the activations
 * @param dSae {@code d_sae}, number of latents
 * @param k latents per row, 1 to {@code d_sae}
 * @param applyBDecToInput {@code apply_b_dec_to_input}: encode x − b_dec instead of x
 * @param normalization {@code normalize_activations}: what is done to each row before encoding and
 *     undone after decoding
 * @param selection where activations are cut; {@link Relu#NONE} is for training only
 * @param metadata what the checkpoint says of where the SAE belongs (model, hook, data, versions),
 *     kept as it was: JSON values by key, in order
 */
public record SaeConfig(
    int dIn,
    int dSae,
    int k,
    boolean applyBDecToInput,
    InputNormalization normalization,
    Relu selection,
    Map<String, Object> metadata) {

  /** Checks the ranges and copies the metadata. */
  public SaeConfig {
    Shapes.expect(dIn >= 1, "d_in", "at least 1", dIn);
    Shapes.expect(dSae >= 1, "d_sae", "at least 1", dSae);
    Shapes.expect(k >= 1 && k <= dSae, "k", "1 to d_sae = " + dSae, k);
    Objects.requireNonNull(normalization, "normalization");
    Shapes.expect(
        selection == Relu.AFTER || selection == Relu.BEFORE,
        "selection",
        "BEFORE or AFTER",
        selection);
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
  }

  /**
   * A configuration with SAELens's defaults: b_dec subtracted from the input, rows as they are,
   * ReLU after the selection.
   *
   * @param dIn width of the activations
   * @param dSae number of latents
   * @param k latents per row
   * @return the configuration, without metadata
   */
  public static SaeConfig of(int dIn, int dSae, int k) {
    return new SaeConfig(dIn, dSae, k, true, InputNormalization.NONE, Relu.AFTER, Map.of());
  }
}
