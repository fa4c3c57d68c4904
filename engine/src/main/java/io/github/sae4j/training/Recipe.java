package io.github.sae4j.training;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The named recipes: which peer's training a configuration follows. Each is a set of option values
 * over those of {@link #SAELENS}, which is the default; every option can be overridden.
 */
public enum Recipe {
  /** SAELens 6.18's TopK training. */
  SAELENS(
      """
      d_sae                       auto
      expansion_factor            8
      k                           32
      train_batch_size            4096
      gradient_accumulation       1
      training_samples            none
      epochs                      1
      steps                       none
      lr                          auto
      lr_scheduler                constant
      lr_warm_up_steps            0
      lr_decay_steps              0
      lr_end                      auto
      n_restart_cycles            1
      adam_beta1                  0.9
      adam_beta2                  0.999
      adam_epsilon                1e-8
      clip_grad_norm              1
      main_loss                   squared_error
      mse_scale                   auto
      relu_before_topk            false
      rescale_acts_by_decoder_norm true
      apply_b_dec_to_input        true
      normalize_activations       none
      multi_topk                  false
      aux_loss_coefficient        1
      auxk                        auto
      auxk_rule                   half_d_in
      aux_scaled_by_dead          true
      detach_residual             true
      aux_relu                    false
      aux_b_dec                   included
      aux_normalizer              rows
      fired                       positive
      dead_feature_window         1000
      dead_feature_tokens         none
      dead_tokens_as_steps        false
      dead_inclusive              false
      dead_mask_after_step        false
      since_fired_restart         0
      normalize_decoder           free
      normalize_decoder_epsilon   0
      project_decoder_gradient    false
      project_epsilon             0
      weight_init                 decoder_transpose
      decoder_init_norm           0.1
      b_dec_init_method           zeros
      seed                        42
      shuffle_seed                auto
      eval_fraction               0.05
      """),

  /** SAELens's TopK as its pull request 370 was merged. */
  SAELENS_PR370(
      """
      rescale_acts_by_decoder_norm false
      auxk_rule                   half_d_sae
      detach_residual             false
      adam_beta1                  0
      normalize_decoder           before_forward
      weight_init                 independent
      decoder_init_norm           1
      b_dec_init_method           geometric_median
      """),

  /** EleutherAI's sparsify, with the true gradient and Adam. */
  ELEUTHER(
      """
      main_loss                   fvu
      relu_before_topk            true
      rescale_acts_by_decoder_norm false
      aux_relu                    true
      aux_normalizer              total_variance
      aux_loss_coefficient        0.03125
      fired                       selected
      dead_feature_tokens         10000000
      lr_scheduler                linear
      lr_warm_up_steps            1000
      clip_grad_norm              none
      normalize_decoder           before_forward
      normalize_decoder_epsilon   1.1920928955078125e-7
      project_decoder_gradient    true
      weight_init                 encoder_clone
      decoder_init_norm           1
      b_dec_init_method           mean
      """),

  /**
   * OpenAI's sparse_autoencoder. b_dec is on both sides of AuxK and left out here: it cancels in
   * the value and, as in the restatement that the golden vectors come from, in the gradient. In the
   * published code only the target's copy is detached, so that b_dec gets the term's gradient:
   * {@code aux_b_dec} cancels.
   */
  OPENAI(
      """
      main_loss                   scaled_mse
      rescale_acts_by_decoder_norm false
      auxk                        256
      aux_scaled_by_dead          false
      aux_relu                    true
      aux_b_dec                   excluded
      aux_normalizer              residual_variance
      aux_loss_coefficient        0.03125
      fired                       above_threshold
      dead_feature_tokens         10000000
      dead_tokens_as_steps        true
      dead_mask_after_step        true
      since_fired_restart         1
      adam_epsilon                6.25e-10
      clip_grad_norm              none
      normalize_decoder           after_backward
      project_decoder_gradient    true
      weight_init                 calibrated_encoder_clone
      decoder_init_norm           1
      b_dec_init_method           geometric_median
      """),

  /** The TopKTrainer of dictionary_learning. */
  DICTIONARY_LEARNING(
      """
      relu_before_topk            true
      rescale_acts_by_decoder_norm false
      aux_scaled_by_dead          false
      aux_relu                    true
      aux_b_dec                   excluded
      aux_normalizer              residual_variance
      aux_loss_coefficient        0.03125
      fired                       selected
      dead_feature_tokens         10000000
      dead_inclusive              true
      dead_mask_after_step        true
      lr_scheduler                constant_with_warmup
      lr_warm_up_steps            1000
      normalize_decoder           after_step
      normalize_decoder_epsilon   1.1920928955078125e-7
      project_decoder_gradient    true
      project_epsilon             1e-6
      decoder_init_norm           1
      b_dec_init_method           geometric_median
      """);

  private final Map<String, String> options = new LinkedHashMap<>();

  Recipe(String table) {
    for (String line : table.lines().toList()) {
      String[] words = line.split(" +");
      options.put(words[0], words[1]);
    }
  }

  /**
   * The option values in which this recipe differs from {@link #SAELENS}; for that one, all.
   *
   * @return option names and values as text
   */
  Map<String, String> options() {
    return options;
  }

  /**
   * The learning rate that {@code lr} auto stands for: 3e-4 for SAELens, 1e-4 for OpenAI, 2e-4 /
   * √(d_sae / 2¹⁴) for the other two.
   *
   * @param dSae number of latents
   * @return the learning rate
   */
  public double autoLearningRate(int dSae) {
    return switch (this) {
      case SAELENS, SAELENS_PR370 -> 3e-4;
      case OPENAI -> 1e-4;
      case ELEUTHER, DICTIONARY_LEARNING -> 2e-4 / Math.sqrt(dSae / 16384.0);
    };
  }

  /**
   * The recipe's name on the command line and in files.
   *
   * @return for instance {@code saelens-pr370}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
