package io.github.sae4j.config;

import io.github.sae4j.options.OptionValues;
import java.util.OptionalDouble;

/**
 * What keeps latents inactive in SAEs whose latents pass a threshold: jumprelu, standard and gated.
 *
 * @param coefficient weight of the penalty
 * @param warmUpSteps optimizer steps over which the coefficient grows from 0
 * @param loss what is penalised with jumprelu
 * @param targetL0 active latents wanted, with {@link Loss#QUADRATIC}
 * @param tanhScale how fast an activation counts as one, with {@link Loss#TANH}
 * @param lpNorm which norm of the activations is penalised with standard
 * @param decoderNormPower by which power of decoder norms activations are multiplied in that norm
 * @param preActCoefficient weight of the loss that revives dead latents of jumprelu; empty for none
 * @param bandwidth width of the rectangle around jumprelu's thresholds
 * @param initThreshold jumprelu's thresholds at the start
 * @param logThreshold whether logarithms of thresholds are trained
 * @param aprilUpdate whether standard is dictionary_learning's April form
 */
public record SparsityOptions(
    double coefficient,
    long warmUpSteps,
    Loss loss,
    double targetL0,
    double tanhScale,
    double lpNorm,
    int decoderNormPower,
    OptionalDouble preActCoefficient,
    double bandwidth,
    double initThreshold,
    boolean logThreshold,
    boolean aprilUpdate) {

  /** What is penalised in a JumpReLU SAE, by SAELens's names. */
  public enum Loss {
    /** The number of active latents, L0. */
    STEP,
    /** Σ tanh(scale · activation · decoder norm), a smooth L0. */
    TANH,
    /** (L0 / target − 1)². */
    QUADRATIC
  }

  static SparsityOptions of(OptionValues values) {
    return new SparsityOptions(
        values.get(TrainingOptions.SPARSITY_COEFFICIENT),
        values.get(TrainingOptions.SPARSITY_WARM_UP_STEPS),
        values.get(TrainingOptions.JUMPRELU_SPARSITY_LOSS_MODE),
        values.get(TrainingOptions.TARGET_L0),
        values.get(TrainingOptions.JUMPRELU_TANH_SCALE),
        values.get(TrainingOptions.LP_NORM),
        values.get(TrainingOptions.L1_DECODER_NORM_POWER),
        values.get(TrainingOptions.PRE_ACT_LOSS_COEFFICIENT),
        values.get(TrainingOptions.JUMPRELU_BANDWIDTH),
        values.get(TrainingOptions.JUMPRELU_INIT_THRESHOLD),
        values.get(TrainingOptions.LOG_THRESHOLD),
        values.get(TrainingOptions.APRIL_UPDATE));
  }
}
