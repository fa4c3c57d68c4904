package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import java.util.OptionalDouble;

/**
 * Weights before the first step.
 *
 * @param weightInit how encoder and decoder start
 * @param decoderInitNorm norm of the decoder's rows; empty leaves them as drawn
 * @param bDecInitMethod where b_dec starts
 */
public record StartOptions(
    WeightInit weightInit, OptionalDouble decoderInitNorm, BDecInit bDecInitMethod) {

  static StartOptions of(OptionValues values) {
    return new StartOptions(
        values.get(TrainingOptions.WEIGHT_INIT),
        values.get(TrainingOptions.DECODER_INIT_NORM),
        values.get(TrainingOptions.B_DEC_INIT_METHOD));
  }
}
