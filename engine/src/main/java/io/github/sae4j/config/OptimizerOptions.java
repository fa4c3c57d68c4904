package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import io.github.sae4j.step.DecoderNormRule;
import java.util.OptionalDouble;

/**
 * Adam, clipping, and what is done to the decoder's rows.
 *
 * @param beta1 Adam's β₁
 * @param beta2 Adam's β₂
 * @param epsilon Adam's ε
 * @param clipGradNorm largest global norm of the gradient, if clipped
 * @param normalizeDecoder when decoder rows are brought to unit norm
 * @param normalizeDecoderEpsilon added to that norm
 * @param projectDecoderGradient removes the decoder gradient's part parallel to its row
 * @param projectEpsilon added to the norm there; 0 takes rows as they are
 * @param emaDecay decay of the running average of weights that becomes the SAE, if there is one
 */
public record OptimizerOptions(
    double beta1,
    double beta2,
    double epsilon,
    OptionalDouble clipGradNorm,
    DecoderNormRule.When normalizeDecoder,
    double normalizeDecoderEpsilon,
    boolean projectDecoderGradient,
    double projectEpsilon,
    OptionalDouble emaDecay) {

  static OptimizerOptions of(OptionValues values) {
    return new OptimizerOptions(
        values.get(TrainingOptions.ADAM_BETA1),
        values.get(TrainingOptions.ADAM_BETA2),
        values.get(TrainingOptions.ADAM_EPSILON),
        values.get(TrainingOptions.CLIP_GRAD_NORM),
        values.get(TrainingOptions.NORMALIZE_DECODER),
        values.get(TrainingOptions.NORMALIZE_DECODER_EPSILON),
        values.get(TrainingOptions.PROJECT_DECODER_GRADIENT),
        values.get(TrainingOptions.PROJECT_EPSILON),
        values.get(TrainingOptions.EMA_DECAY));
  }
}
