package io.github.sae4j.config;

import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.options.OptionValues;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The main loss.
 *
 * @param mainLoss the main loss
 * @param mseScale factor of {@code scaled_mse}; empty for 1 over the variance per element of a
 *     sample of the data
 * @param matryoshkaWidths latents of each nested prefix of a Matryoshka SAE; empty for a sixteenth,
 *     an eighth, a quarter and a half of d_sae
 * @param multiTopk adds FVU of a 4k reconstruction with weight 1/8
 * @param contrastiveCoefficient weight of the contrastive loss; empty for none
 */
public record LossOptions(
    Reconstruction.Measure mainLoss,
    OptionalDouble mseScale,
    List<Integer> matryoshkaWidths,
    boolean multiTopk,
    OptionalDouble contrastiveCoefficient) {

  static LossOptions of(OptionValues values) {
    return new LossOptions(
        values.get(TrainingOptions.MAIN_LOSS),
        values.get(TrainingOptions.MSE_SCALE),
        values.get(TrainingOptions.MATRYOSHKA_WIDTHS),
        values.get(TrainingOptions.MULTI_TOPK),
        values.get(TrainingOptions.CONTRASTIVE_COEFFICIENT));
  }
}
