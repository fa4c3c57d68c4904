package io.github.sae4j.config;

import io.github.sae4j.options.ConfigException;
import io.github.sae4j.options.OptionValues;
import java.util.OptionalLong;

/**
 * How rows become batches.
 *
 * @param trainBatchSize rows of a micro-batch
 * @param gradientAccumulation micro-batches of an optimizer step
 * @param normalizeActivations what is done to the rows
 * @param whiteningEpsilon what {@code covariance_whitening} adds to every variance
 * @param shuffleSeed seed of the order of rows; empty for that of the run
 * @param evalFraction share of the rows kept out of training
 */
public record DataOptions(
    int trainBatchSize,
    int gradientAccumulation,
    ActivationNormalization normalizeActivations,
    double whiteningEpsilon,
    OptionalLong shuffleSeed,
    double evalFraction) {

  /** Checks what the table cannot: two options together. */
  public DataOptions {
    if ((long) trainBatchSize * gradientAccumulation > Integer.MAX_VALUE) {
      throw new ConfigException(
          TrainingOptions.GRADIENT_ACCUMULATION.name(),
          "expected less than 2^31 rows in an optimizer step, got " + gradientAccumulation);
    }
  }

  static DataOptions of(OptionValues values) {
    return new DataOptions(
        values.get(TrainingOptions.TRAIN_BATCH_SIZE),
        values.get(TrainingOptions.GRADIENT_ACCUMULATION),
        values.get(TrainingOptions.NORMALIZE_ACTIVATIONS),
        values.get(TrainingOptions.WHITENING_EPSILON),
        values.get(TrainingOptions.SHUFFLE_SEED),
        values.get(TrainingOptions.EVAL_FRACTION));
  }

  /** {@return rows of an optimizer step, trainBatchSize · gradientAccumulation} */
  public int rowsPerStep() {
    return trainBatchSize * gradientAccumulation;
  }
}
