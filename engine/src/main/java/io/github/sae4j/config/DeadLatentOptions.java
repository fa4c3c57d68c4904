package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import io.github.sae4j.step.DeadLatentRule;
import java.util.OptionalLong;

/**
 * When latents count as dead.
 *
 * @param fired when a latent counts as firing
 * @param window optimizer steps without firing after which a latent is dead
 * @param tokens rows without firing after which a latent is dead; given where {@code window} is not
 * @param tokensAsSteps whether {@code tokens} is divided by the rows of a step, rounded down, and
 *     steps are counted (OpenAI)
 * @param inclusive whether a latent is dead already at the window, not only past it
 * @param maskAfterStep whether the dead mask is taken after this step's count
 * @param restart counter of a latent that has just fired
 */
public record DeadLatentOptions(
    DeadLatentRule.Fired fired,
    OptionalLong window,
    OptionalLong tokens,
    boolean tokensAsSteps,
    boolean inclusive,
    boolean maskAfterStep,
    long restart) {

  static DeadLatentOptions of(OptionValues values) {
    return new DeadLatentOptions(
        values.get(TrainingOptions.FIRED),
        values.get(TrainingOptions.DEAD_FEATURE_WINDOW),
        values.get(TrainingOptions.DEAD_FEATURE_TOKENS),
        values.get(TrainingOptions.DEAD_TOKENS_AS_STEPS),
        values.get(TrainingOptions.DEAD_INCLUSIVE),
        values.get(TrainingOptions.DEAD_MASK_AFTER_STEP),
        values.get(TrainingOptions.SINCE_FIRED_RESTART));
  }
}
