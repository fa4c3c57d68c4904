package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import io.github.sae4j.options.Recipe;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Which recipe, how long, and from which seed.
 *
 * @param recipe the peer whose training is followed
 * @param trainingSamples length of the run in rows
 * @param epochs length of the run in passes over the training rows
 * @param steps length of the run in optimizer steps; exactly one of these three is given
 * @param seed seed of everything random
 */
public record RunOptions(
    Recipe recipe,
    OptionalLong trainingSamples,
    OptionalDouble epochs,
    OptionalLong steps,
    long seed) {

  static RunOptions of(OptionValues values) {
    return new RunOptions(
        values.get(TrainingOptions.RECIPE),
        values.get(TrainingOptions.TRAINING_SAMPLES),
        values.get(TrainingOptions.EPOCHS),
        values.get(TrainingOptions.STEPS),
        values.get(TrainingOptions.SEED));
  }
}
