package io.github.sae4j.config;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.options.OptionValues;
import java.util.OptionalInt;

/**
 * The loss that revives dead latents.
 *
 * @param coefficient weight of the term; 0 switches it off
 * @param auxk dead latents per row; empty for {@code rule}
 * @param rule how many where {@code auxk} is empty
 * @param scaledByDead whether the term is multiplied by min(n_dead / k_aux, 1)
 * @param detachResidual whether its target is a constant for the gradient
 * @param relu whether its codes pass through ReLU
 * @param bDec how b_dec enters its reconstruction
 * @param normalizer what it is divided by
 * @param perLevel whether the levels of a Matryoshka SAE have one each
 */
public record AuxKOptions(
    double coefficient,
    OptionalInt auxk,
    AuxKRule rule,
    boolean scaledByDead,
    boolean detachResidual,
    boolean relu,
    AuxK.BDec bDec,
    AuxK.Normalizer normalizer,
    boolean perLevel) {

  static AuxKOptions of(OptionValues values) {
    return new AuxKOptions(
        values.get(TrainingOptions.AUX_LOSS_COEFFICIENT),
        values.get(TrainingOptions.AUXK),
        values.get(TrainingOptions.AUXK_RULE),
        values.get(TrainingOptions.AUX_SCALED_BY_DEAD),
        values.get(TrainingOptions.DETACH_RESIDUAL),
        values.get(TrainingOptions.AUX_RELU),
        values.get(TrainingOptions.AUX_B_DEC),
        values.get(TrainingOptions.AUX_NORMALIZER),
        values.get(TrainingOptions.USE_MATRYOSHKA_AUX_LOSS));
  }
}
