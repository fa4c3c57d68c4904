package io.github.sae4j.training;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.Split;
import java.io.IOException;
import java.util.Optional;

/**
 * The rows of a run. The sources are views: closing them leaves the activations open.
 *
 * @param training rows to train on
 * @param heldOut rows kept out of training, if any
 * @param identity what the activations are, by which a resumed run knows them again
 */
public record TrainingData(
    ActivationSource training, Optional<ActivationSource> heldOut, DataIdentity identity) {

  /**
   * Splits activations.
   *
   * @param activations all rows; must stay open while the data is used
   * @param mask rows that take no part, if any
   * @param evalFraction share of the others to hold out, in {@code [0, 1)}
   * @return the rows to train on and those held out
   * @throws IOException if sampling the activations for their identity fails
   */
  public static TrainingData of(
      ActivationSource activations, Optional<RowMask> mask, double evalFraction)
      throws IOException {
    Split split =
        mask.isPresent()
            ? Split.of(mask.get(), evalFraction)
            : Split.of(activations.rows(), evalFraction);
    return new TrainingData(
        split.training(activations),
        split.heldOut(activations),
        activations.identity().withMask(mask));
  }
}
