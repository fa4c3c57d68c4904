package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import io.github.sae4j.step.Pairs;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Size of the autoencoder, and which of its latents become active.
 *
 * @param architecture what is trained
 * @param pairs what stands beside the input in the rows
 * @param skipConnection whether W_skip x is added to the output
 * @param dSae number of latents
 * @param expansionFactor number of latents over d_in; given where {@code dSae} is not
 * @param k latents per row, with BatchTopK on average
 * @param kAnnealSteps optimizer steps over which k falls to its value; 0 for none
 * @param kAnnealFrom the k from which it falls; empty for the width of the activations
 * @param reluBeforeTopk rank max(v, 0) instead of v
 * @param topkThresholdLr weight of the newest step in the threshold that BatchTopK leaves
 * @param thresholdStartStep steps before dictionary_learning estimates that threshold
 * @param rescaleActsByDecoderNorm rank by pre-activation times decoder norm
 * @param applyBDecToInput encode x − b_dec instead of x
 */
public record AutoencoderOptions(
    Architecture architecture,
    Pairs pairs,
    boolean skipConnection,
    OptionalInt dSae,
    OptionalDouble expansionFactor,
    int k,
    long kAnnealSteps,
    OptionalInt kAnnealFrom,
    boolean reluBeforeTopk,
    double topkThresholdLr,
    long thresholdStartStep,
    boolean rescaleActsByDecoderNorm,
    boolean applyBDecToInput) {

  static AutoencoderOptions of(OptionValues values) {
    return new AutoencoderOptions(
        values.get(TrainingOptions.ARCHITECTURE),
        values.get(TrainingOptions.PAIRS),
        values.get(TrainingOptions.SKIP_CONNECTION),
        values.get(TrainingOptions.D_SAE),
        values.get(TrainingOptions.EXPANSION_FACTOR),
        values.get(TrainingOptions.K),
        values.get(TrainingOptions.K_ANNEAL_STEPS),
        values.get(TrainingOptions.K_ANNEAL_FROM),
        values.get(TrainingOptions.RELU_BEFORE_TOPK),
        values.get(TrainingOptions.TOPK_THRESHOLD_LR),
        values.get(TrainingOptions.THRESHOLD_START_STEP),
        values.get(TrainingOptions.RESCALE_ACTS_BY_DECODER_NORM),
        values.get(TrainingOptions.APPLY_B_DEC_TO_INPUT));
  }
}
