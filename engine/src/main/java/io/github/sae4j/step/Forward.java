package io.github.sae4j.step;

import io.github.sae4j.kernels.Activation;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.Shapes;
import java.util.Optional;

/**
 * The forward pass of an autoencoder under training: scale and normalise the input, subtract b_dec,
 * encode, activate, decode, undo the normalisation.
 *
 * @param activation how latents become active
 * @param rescaleByDecoderNorm rank by pre-activation times decoder norm
 * @param subtractBDec encode x − b_dec instead of x
 * @param normalization what is done to each input row and undone on the output
 * @param inputFactor every element of a batch is multiplied by this first, in one rounding; the
 *     product is also the target of the reconstruction. 1 leaves the batch unchanged
 * @param threshold the running threshold that training keeps for inference, if the activation needs
 *     one
 * @param annealing how k falls to that of the activation, if it does; the activation then ranks
 * @param gate what decides which latents are active, where that is trained; {@code activation} then
 *     is ReLU, which it takes the place of
 */
public record Forward(
    Activation activation,
    boolean rescaleByDecoderNorm,
    boolean subtractBDec,
    InputNormalization normalization,
    float inputFactor,
    Optional<RunningThreshold> threshold,
    Optional<KAnnealing> annealing,
    Optional<TrainedGate> gate) {
  /** Checks the range. */
  public Forward {
    Shapes.expect(
        inputFactor > 0 && inputFactor < Float.POSITIVE_INFINITY,
        "input factor",
        "a positive finite number",
        inputFactor);
    Shapes.expect(
        annealing.isEmpty() || activation instanceof Activation.Ranked,
        "k_anneal_steps",
        "an activation that ranks",
        activation);
  }

  /**
   * A forward pass whose k does not change.
   *
   * @param activation how latents become active
   * @param rescaleByDecoderNorm rank by pre-activation times decoder norm
   * @param subtractBDec encode x − b_dec instead of x
   * @param normalization what is done to each input row and undone on the output
   * @param inputFactor every element of a batch is multiplied by this first
   * @param threshold the running threshold that training keeps for inference
   */
  public Forward(
      Activation activation,
      boolean rescaleByDecoderNorm,
      boolean subtractBDec,
      InputNormalization normalization,
      float inputFactor,
      Optional<RunningThreshold> threshold) {
    this(
        activation,
        rescaleByDecoderNorm,
        subtractBDec,
        normalization,
        inputFactor,
        threshold,
        Optional.empty(),
        Optional.empty());
  }

  /**
   * A forward pass whose activation needs no threshold for inference.
   *
   * @param activation how latents become active
   * @param rescaleByDecoderNorm rank by pre-activation times decoder norm
   * @param subtractBDec encode x − b_dec instead of x
   * @param normalization what is done to each input row and undone on the output
   * @param inputFactor every element of a batch is multiplied by this first
   */
  public Forward(
      Activation activation,
      boolean rescaleByDecoderNorm,
      boolean subtractBDec,
      InputNormalization normalization,
      float inputFactor) {
    this(
        activation,
        rescaleByDecoderNorm,
        subtractBDec,
        normalization,
        inputFactor,
        Optional.empty());
  }

  /**
   * The same with another activation.
   *
   * @param other how latents become active
   * @return the changed forward pass
   */
  public Forward withActivation(Activation other) {
    return new Forward(
        other,
        rescaleByDecoderNorm,
        subtractBDec,
        normalization,
        inputFactor,
        threshold,
        annealing,
        gate);
  }

  /**
   * The forward pass of a step: with the k that it has then, and not annealed.
   *
   * @param number number of the step, from 1
   * @return this one if its k does not change
   */
  public Forward at(long number) {
    return annealing.isEmpty()
        ? this
        : plain(
            ((Activation.Ranked) activation)
                .withK(annealing.get().at(((Activation.Ranked) activation).k(), number)));
  }

  /**
   * The forward pass whose codes are longest: with the largest k.
   *
   * @return this one if its k does not change
   */
  public Forward widest() {
    return annealing.isEmpty()
        ? this
        : plain(
            ((Activation.Ranked) activation)
                .withK(Math.max(((Activation.Ranked) activation).k(), annealing.get().from())));
  }

  /**
   * The forward pass once annealing is over.
   *
   * @return this one if its k does not change
   */
  public Forward annealed() {
    return annealing.isEmpty() ? this : plain(activation);
  }

  private Forward plain(Activation now) {
    return new Forward(
        now, rescaleByDecoderNorm, subtractBDec, normalization, inputFactor, threshold);
  }

  /**
   * The same with another input factor.
   *
   * @param factor see {@code inputFactor}
   * @return the changed forward pass
   */
  public Forward withInputFactor(float factor) {
    return new Forward(
        activation,
        rescaleByDecoderNorm,
        subtractBDec,
        normalization,
        factor,
        threshold,
        annealing,
        gate);
  }
}
