package io.github.sae4j.config;

import static io.github.sae4j.options.OptionType.ascendingIntegers;
import static io.github.sae4j.options.OptionType.choice;
import static io.github.sae4j.options.OptionType.choiceOrSwitch;
import static io.github.sae4j.options.OptionType.integer;
import static io.github.sae4j.options.OptionType.longInteger;
import static io.github.sae4j.options.OptionType.number;
import static io.github.sae4j.options.OptionType.optionalInteger;
import static io.github.sae4j.options.OptionType.optionalLong;
import static io.github.sae4j.options.OptionType.optionalNumber;
import static io.github.sae4j.options.OptionType.toggle;
import static io.github.sae4j.options.Range.atLeast;
import static io.github.sae4j.options.Range.atLeastAndLessThan;
import static io.github.sae4j.options.Range.between;
import static io.github.sae4j.options.Range.moreThan;
import static io.github.sae4j.options.Recipe.DICTIONARY_LEARNING;
import static io.github.sae4j.options.Recipe.ELEUTHER;
import static io.github.sae4j.options.Recipe.OPENAI;
import static io.github.sae4j.options.Recipe.SAELENS_PR370;
import static io.github.sae4j.options.Recipe.SENTENCE_TRANSFORMERS;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.options.Concern;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.OptionTable;
import io.github.sae4j.options.Range;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DecoderNormRule;
import io.github.sae4j.step.Pairs;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The options that define what training computes, one row each: name, concern, values, default in
 * the recipe {@code saelens}, meaning; then other names, the recipes whose default differs, and
 * options that set the same thing. The command line, its help, files of options, {@code
 * config.json}, the recipes and {@code docs/options.md} are made from these rows or held to them.
 *
 * <p>To add an option, add a row and, where the code reads it, a component of the record of its
 * concern. The order is that of {@code config.json}.
 */
public final class TrainingOptions {
  /** The table. */
  public static final OptionTable TABLE = new OptionTable();

  static final Option<Recipe> RECIPE =
      TABLE.add(
          new Option<>(
              "recipe",
              Concern.RUN,
              choice(Recipe.class),
              "saelens",
              "the peer whose training is followed; sets the defaults of the other options"));

  static final Option<Architecture> ARCHITECTURE =
      TABLE.add(
          new Option<>(
              "architecture",
              Concern.SAE,
              choice(Architecture.class),
              "topk",
              "the k largest of each row (topk), or k times as many of a whole batch as it has rows"
                  + " (batchtopk), the first latents trained to do alone as well (matryoshka);"
                  + " those above trained thresholds (jumprelu), above 0 (standard), or with open"
                  + " gates (gated), as few as a penalty leaves; all but topk with saelens and"
                  + " dictionary-learning"));

  static final Option<Pairs> PAIRS =
      TABLE.add(
          new Option<>(
              "pairs",
              Concern.SAE,
              choice(Pairs.class),
              "none",
              "what stands beside the input: --targets implies targets (a transcoder), --positives"
                  + " positives (contrastive codes)"));

  static final Option<Boolean> SKIP_CONNECTION =
      TABLE.add(
          new Option<>(
              "skip_connection",
              Concern.SAE,
              toggle(),
              "false",
              "of a transcoder: add W_skip x to the output, and train W_skip"));

  static final Option<OptionalInt> D_SAE =
      TABLE.add(
          new Option<>(
                  "d_sae",
                  Concern.SAE,
                  optionalInteger(atLeast(1)),
                  "auto",
                  "number of latents; auto: by expansion-factor")
              .insteadOf("expansion_factor"));

  static final Option<OptionalDouble> EXPANSION_FACTOR =
      TABLE.add(
          new Option<>(
                  "expansion_factor",
                  Concern.SAE,
                  optionalNumber(moreThan(0)),
                  "8",
                  "number of latents over the width of the activations")
              .insteadOf("d_sae"));

  static final Option<Integer> K =
      TABLE.add(
          new Option<>(
              "k",
              Concern.SAE,
              integer(atLeast(1)),
              "32",
              "latents per row; of batchtopk, on average"));

  static final Option<Long> K_ANNEAL_STEPS =
      TABLE.add(
          new Option<>(
                  "k_anneal_steps",
                  Concern.SAE,
                  longInteger(atLeast(0)),
                  "0",
                  "optimizer steps over which k falls to its value; 0: none")
              .alias("k_decay_steps"));

  static final Option<OptionalInt> K_ANNEAL_FROM =
      TABLE.add(
          new Option<>(
              "k_anneal_from",
              Concern.SAE,
              optionalInteger(atLeast(1)),
              "auto",
              "the k from which it falls; auto: the width of the activations, at most d-sae"));

  static final Option<Integer> TRAIN_BATCH_SIZE =
      TABLE.add(
          new Option<>(
                  "train_batch_size", Concern.DATA, integer(atLeast(1)), "4096", "rows of a batch")
              .alias("train_batch_size_tokens", "train_batch_size_samples"));

  static final Option<Integer> GRADIENT_ACCUMULATION =
      TABLE.add(
          new Option<>(
              "gradient_accumulation",
              Concern.DATA,
              integer(atLeast(1)),
              "1",
              "batches of an optimizer step"));

  static final Option<OptionalLong> TRAINING_SAMPLES =
      TABLE.add(
          new Option<>(
                  "training_samples",
                  Concern.RUN,
                  optionalLong(atLeast(1)),
                  "none",
                  "length of the run in rows")
              .alias("training_tokens")
              .insteadOf("epochs", "steps"));

  static final Option<OptionalDouble> EPOCHS =
      TABLE.add(
          new Option<>(
                  "epochs",
                  Concern.RUN,
                  optionalNumber(moreThan(0)),
                  "1",
                  "length of the run in passes over the training rows")
              .insteadOf("training_samples", "steps"));

  static final Option<OptionalLong> STEPS =
      TABLE.add(
          new Option<>(
                  "steps",
                  Concern.RUN,
                  optionalLong(atLeast(1)),
                  "none",
                  "length of the run in optimizer steps")
              .insteadOf("training_samples", "epochs"));

  static final Option<OptionalDouble> LR =
      TABLE.add(
          new Option<>(
              "lr",
              Concern.SCHEDULE,
              optionalNumber(atLeast(0)),
              "auto",
              "peak learning rate; auto: 3e-4 for saelens and saelens-pr370, 1e-4 for openai,"
                  + " 4e-5 for sentence-transformers, 2e-4 / sqrt(d_sae / 16384) for the others"));

  static final Option<LrScheduler> LR_SCHEDULER =
      TABLE.add(
          new Option<>(
                  "lr_scheduler",
                  Concern.SCHEDULE,
                  choice(LrScheduler.class),
                  "constant",
                  "its shape over the run")
              .alias("lr_scheduler_name")
              .in("linear", ELEUTHER)
              .in("constant_with_warmup", DICTIONARY_LEARNING));

  static final Option<Long> LR_WARM_UP_STEPS =
      TABLE.add(
          new Option<>(
                  "lr_warm_up_steps",
                  Concern.SCHEDULE,
                  longInteger(atLeast(0)),
                  "0",
                  "optimizer steps of warm-up")
              .alias("lr_warmup_steps")
              .in("1000", ELEUTHER, DICTIONARY_LEARNING));

  static final Option<Long> LR_DECAY_STEPS =
      TABLE.add(
          new Option<>(
              "lr_decay_steps",
              Concern.SCHEDULE,
              longInteger(atLeast(0)),
              "0",
              "optimizer steps of decay to 0 at the end"));

  static final Option<OptionalDouble> LR_END =
      TABLE.add(
          new Option<>(
              "lr_end",
              Concern.SCHEDULE,
              optionalNumber(atLeast(0)),
              "auto",
              "floor of the cosine schedules; auto: lr / 10"));

  static final Option<Integer> N_RESTART_CYCLES =
      TABLE.add(
          new Option<>(
              "n_restart_cycles",
              Concern.SCHEDULE,
              integer(atLeast(1)),
              "1",
              "cycles of cosineannealingwarmrestarts"));

  static final Option<Double> ADAM_BETA1 =
      TABLE.add(
          new Option<>(
                  "adam_beta1",
                  Concern.OPTIMIZER,
                  number(atLeastAndLessThan(0, 1)),
                  "0.9",
                  "Adam's first beta")
              .in("0", SAELENS_PR370));

  static final Option<Double> ADAM_BETA2 =
      TABLE.add(
          new Option<>(
              "adam_beta2",
              Concern.OPTIMIZER,
              number(atLeastAndLessThan(0, 1)),
              "0.999",
              "Adam's second beta"));

  /**
   * With 0 a latent that never had a gradient would be moved by 0/0; what is at most half the least
   * f32 rounds to 0.
   */
  static final Option<Double> ADAM_EPSILON =
      TABLE.add(
          new Option<>(
                  "adam_epsilon",
                  Concern.OPTIMIZER,
                  number(moreThan(0x1p-150).saying("more than 0 in f32")),
                  "1e-8",
                  "Adam's epsilon")
              .in("6.25e-10", OPENAI));

  static final Option<OptionalDouble> CLIP_GRAD_NORM =
      TABLE.add(
          new Option<>(
                  "clip_grad_norm",
                  Concern.OPTIMIZER,
                  optionalNumber(moreThan(0)),
                  "1",
                  "largest global norm of the gradient, or none")
              .in("none", ELEUTHER, OPENAI, SENTENCE_TRANSFORMERS));

  static final Option<OptionalDouble> EMA_DECAY =
      TABLE.add(
          new Option<>(
              "ema_decay",
              Concern.OPTIMIZER,
              optionalNumber(atLeastAndLessThan(0, 1)),
              "none",
              "decay of the running average of the weights over steps that becomes the SAE, or"
                  + " none"));

  static final Option<Reconstruction.Measure> MAIN_LOSS =
      TABLE.add(
          new Option<>(
                  "main_loss",
                  Concern.LOSS,
                  choice(Reconstruction.Measure.class),
                  "squared_error",
                  "loss of the reconstruction")
              .in("fvu", ELEUTHER)
              .in("scaled_mse", OPENAI, SENTENCE_TRANSFORMERS));

  static final Option<OptionalDouble> MSE_SCALE =
      TABLE.add(
          new Option<>(
                  "mse_scale",
                  Concern.LOSS,
                  optionalNumber(moreThan(0)),
                  "auto",
                  "factor of scaled_mse; auto: 1 / variance of the data")
              .in("1", SENTENCE_TRANSFORMERS));

  static final Option<Boolean> RELU_BEFORE_TOPK =
      TABLE.add(
          new Option<>(
                  "relu_before_topk", Concern.SAE, toggle(), "false", "rank max(v, 0) instead of v")
              .in("true", ELEUTHER, DICTIONARY_LEARNING));

  static final Option<Double> TOPK_THRESHOLD_LR =
      TABLE.add(
          new Option<>(
                  "topk_threshold_lr",
                  Concern.SAE,
                  number(new Range(0, false, 1, true, "more than 0 and at most 1")),
                  "0.01",
                  "weight of the newest step in the threshold that batchtopk leaves for inference")
              .in("0.001", DICTIONARY_LEARNING));

  static final Option<Long> THRESHOLD_START_STEP =
      TABLE.add(
          new Option<>(
                  "threshold_start_step",
                  Concern.SAE,
                  longInteger(atLeast(0)),
                  "0",
                  "steps before dictionary-learning estimates that threshold")
              .in("1000", DICTIONARY_LEARNING));

  static final Option<Boolean> RESCALE_ACTS_BY_DECODER_NORM =
      TABLE.add(
          new Option<>(
                  "rescale_acts_by_decoder_norm",
                  Concern.SAE,
                  toggle(),
                  "true",
                  "rank by activation times decoder norm")
              .in(
                  "false",
                  SAELENS_PR370,
                  ELEUTHER,
                  OPENAI,
                  DICTIONARY_LEARNING,
                  SENTENCE_TRANSFORMERS));

  static final Option<Boolean> APPLY_B_DEC_TO_INPUT =
      TABLE.add(
          new Option<>(
              "apply_b_dec_to_input",
              Concern.SAE,
              toggle(),
              "true",
              "encode x - b_dec instead of x"));

  static final Option<ActivationNormalization> NORMALIZE_ACTIVATIONS =
      TABLE.add(
          new Option<>(
              "normalize_activations",
              Concern.DATA,
              choice(ActivationNormalization.class),
              "none",
              "what is done to the rows; AuxK needs none, expected_average_only_in or"
                  + " covariance_whitening"));

  static final Option<Double> WHITENING_EPSILON =
      TABLE.add(
          new Option<>(
              "whitening_epsilon",
              Concern.DATA,
              number(between(1e-30, 1e30).saying("1e-30 to 1e30")), // its root fits f32 well
              "1e-3",
              "with covariance_whitening, what is added to the variance along every direction"));

  static final Option<Boolean> MULTI_TOPK =
      TABLE.add(
          new Option<>(
              "multi_topk",
              Concern.LOSS,
              toggle(),
              "false",
              "add FVU of a 4k reconstruction with weight 1/8"));

  static final Option<OptionalDouble> CONTRASTIVE_COEFFICIENT =
      TABLE.add(
          new Option<>(
                  "contrastive_coefficient",
                  Concern.LOSS,
                  optionalNumber(moreThan(0)),
                  "none",
                  "weight of the contrastive loss of sentence-transformers, over the rows of a"
                      + " batch")
              .in("1", SENTENCE_TRANSFORMERS));

  static final Option<List<Integer>> MATRYOSHKA_WIDTHS =
      TABLE.add(
          new Option<>(
              "matryoshka_widths",
              Concern.LOSS,
              ascendingIntegers(atLeast(1)),
              "auto",
              "with matryoshka, how many latents each nested prefix has; all of them are one more."
                  + " auto: a sixteenth, an eighth, a quarter, a half"));

  static final Option<Double> SPARSITY_COEFFICIENT =
      TABLE.add(
          new Option<>(
                  "sparsity_coefficient",
                  Concern.SPARSITY,
                  number(atLeast(0)),
                  "1",
                  "weight of the penalty on active latents; dictionary-learning takes 0.1 with"
                      + " standard and gated")
              .alias("l0_coefficient", "l1_coefficient", "l1_penalty", "sparsity_penalty"));

  static final Option<Long> SPARSITY_WARM_UP_STEPS =
      TABLE.add(
          new Option<>(
                  "sparsity_warm_up_steps",
                  Concern.SPARSITY,
                  longInteger(atLeast(0)),
                  "0",
                  "optimizer steps over which that weight grows from 0")
              .alias("l0_warm_up_steps", "l1_warm_up_steps", "sparsity_warmup_steps")
              .in("2000", DICTIONARY_LEARNING));

  static final Option<SparsityOptions.Loss> JUMPRELU_SPARSITY_LOSS_MODE =
      TABLE.add(
          new Option<>(
                  "jumprelu_sparsity_loss_mode",
                  Concern.SPARSITY,
                  choice(SparsityOptions.Loss.class),
                  "step",
                  "what jumprelu penalises: L0, a smooth L0, or (L0 / target-l0 - 1)^2")
              .in("quadratic", DICTIONARY_LEARNING));

  static final Option<Double> TARGET_L0 =
      TABLE.add(
          new Option<>(
              "target_l0",
              Concern.SPARSITY,
              number(moreThan(0)),
              "20",
              "active latents per row that the quadratic penalty leads to"));

  static final Option<Double> JUMPRELU_TANH_SCALE =
      TABLE.add(
          new Option<>(
              "jumprelu_tanh_scale",
              Concern.SPARSITY,
              number(moreThan(0)),
              "4",
              "how fast an activation counts as one in the smooth L0"));

  static final Option<OptionalDouble> PRE_ACT_LOSS_COEFFICIENT =
      TABLE.add(
          new Option<>(
              "pre_act_loss_coefficient",
              Concern.SPARSITY,
              optionalNumber(moreThan(0)),
              "none",
              "weight of the loss that revives dead latents of jumprelu"));

  static final Option<Double> JUMPRELU_BANDWIDTH =
      TABLE.add(
          new Option<>(
                  "jumprelu_bandwidth",
                  Concern.SPARSITY,
                  number(moreThan(0)),
                  "0.05",
                  "width around a threshold in which pre-activations move it")
              .in("0.001", DICTIONARY_LEARNING));

  static final Option<Double> JUMPRELU_INIT_THRESHOLD =
      TABLE.add(
          new Option<>(
                  "jumprelu_init_threshold",
                  Concern.SPARSITY,
                  number(atLeast(0)),
                  "0.01",
                  "thresholds at the start")
              .in("0.001", DICTIONARY_LEARNING));

  static final Option<Boolean> LOG_THRESHOLD =
      TABLE.add(
          new Option<>(
              "log_threshold",
              Concern.SPARSITY,
              toggle(),
              "false",
              "train logarithms of thresholds, as SAELens did from 6.18 to 6.47"));

  static final Option<Double> LP_NORM =
      TABLE.add(
          new Option<>(
              "lp_norm",
              Concern.SPARSITY,
              number(moreThan(0)),
              "1",
              "which norm of a row's activations standard penalises"));

  static final Option<Integer> L1_DECODER_NORM_POWER =
      TABLE.add(
          new Option<>(
                  "l1_decoder_norm_power",
                  Concern.SPARSITY,
                  integer(new Range(0, true, 2, true, "0 to 2")),
                  "1",
                  "power of decoder norms by which standard and gated multiply activations there")
              .in("0", DICTIONARY_LEARNING));

  static final Option<Boolean> APRIL_UPDATE =
      TABLE.add(
          new Option<>(
              "april_update",
              Concern.SPARSITY,
              toggle(),
              "false",
              "with standard, the defaults of dictionary_learning's April form: free decoder, norms"
                  + " in the penalty"));

  static final Option<Boolean> USE_MATRYOSHKA_AUX_LOSS =
      TABLE.add(
          new Option<>(
              "use_matryoshka_aux_loss",
              Concern.AUXK,
              toggle(),
              "false",
              "AuxK between two widths each, for what the latents below leave over"));

  static final Option<Double> AUX_LOSS_COEFFICIENT =
      TABLE.add(
          new Option<>(
                  "aux_loss_coefficient",
                  Concern.AUXK,
                  number(atLeast(0)),
                  "1",
                  "weight of AuxK; 0 switches it off")
              .alias("auxk_alpha")
              .in("0.03125", ELEUTHER, OPENAI, DICTIONARY_LEARNING)
              .in("0.1", SENTENCE_TRANSFORMERS));

  static final Option<OptionalInt> AUXK =
      TABLE.add(
          new Option<>(
                  "auxk",
                  Concern.AUXK,
                  optionalInteger(atLeast(1)),
                  "auto",
                  "dead latents per row in AuxK; auto: by auxk-rule")
              .alias("k_aux")
              .in("256", OPENAI)
              .in("512", SENTENCE_TRANSFORMERS));

  static final Option<AuxKRule> AUXK_RULE =
      TABLE.add(
          new Option<>(
                  "auxk_rule",
                  Concern.AUXK,
                  choice(AuxKRule.class),
                  "half_d_in",
                  "the rule for auxk auto")
              .in("half_d_sae", SAELENS_PR370));

  static final Option<Boolean> AUX_SCALED_BY_DEAD =
      TABLE.add(
          new Option<>(
                  "aux_scaled_by_dead",
                  Concern.AUXK,
                  toggle(),
                  "true",
                  "AuxK times min(dead / k_aux, 1)")
              .in("false", OPENAI, DICTIONARY_LEARNING, SENTENCE_TRANSFORMERS));

  static final Option<Boolean> DETACH_RESIDUAL =
      TABLE.add(
          new Option<>(
                  "detach_residual",
                  Concern.AUXK,
                  toggle(),
                  "true",
                  "AuxK's target is a constant for the gradient")
              .in("false", SAELENS_PR370));

  static final Option<Boolean> AUX_RELU =
      TABLE.add(
          new Option<>(
                  "aux_relu", Concern.AUXK, toggle(), "false", "AuxK's codes pass through ReLU")
              .in("true", ELEUTHER, OPENAI, DICTIONARY_LEARNING, SENTENCE_TRANSFORMERS));

  static final Option<AuxK.BDec> AUX_B_DEC =
      TABLE.add(
          new Option<>(
                  "aux_b_dec",
                  Concern.AUXK,
                  choiceOrSwitch(AuxK.BDec.INCLUDED, AuxK.BDec.EXCLUDED),
                  "excluded",
                  "b_dec in AuxK's reconstruction; cancels: in the gradient only")
              .in("included", SAELENS_PR370)
              .in("cancels", SENTENCE_TRANSFORMERS));

  static final Option<AuxK.Normalizer> AUX_NORMALIZER =
      TABLE.add(
          new Option<>(
                  "aux_normalizer",
                  Concern.AUXK,
                  choice(AuxK.Normalizer.class),
                  "rows",
                  "what AuxK is divided by")
              .in("total_variance", ELEUTHER)
              .in("residual_variance", OPENAI, DICTIONARY_LEARNING, SENTENCE_TRANSFORMERS));

  static final Option<DeadLatentRule.Fired> FIRED =
      TABLE.add(
          new Option<>(
                  "fired",
                  Concern.DEAD,
                  choice(DeadLatentRule.Fired.class),
                  "positive",
                  "when a latent counts as firing; the threshold is 1e-3, the small one 1e-5")
              .in("selected", ELEUTHER, DICTIONARY_LEARNING)
              .in("above_threshold", OPENAI)
              .in("above_small_threshold", SENTENCE_TRANSFORMERS));

  static final Option<OptionalLong> DEAD_FEATURE_WINDOW =
      TABLE.add(
          new Option<>(
                  "dead_feature_window",
                  Concern.DEAD,
                  optionalLong(atLeast(0)),
                  "1000",
                  "optimizer steps without firing after which a latent is dead")
              .in("none", ELEUTHER, OPENAI, DICTIONARY_LEARNING)
              .in("30", SENTENCE_TRANSFORMERS)
              .insteadOf("dead_feature_tokens"));

  static final Option<OptionalLong> DEAD_FEATURE_TOKENS =
      TABLE.add(
          new Option<>(
                  "dead_feature_tokens",
                  Concern.DEAD,
                  optionalLong(atLeast(0)),
                  "none",
                  "rows without firing after which a latent is dead")
              .alias("dead_feature_threshold")
              .in("10000000", ELEUTHER, OPENAI, DICTIONARY_LEARNING)
              .insteadOf("dead_feature_window"));

  static final Option<Boolean> DEAD_TOKENS_AS_STEPS =
      TABLE.add(
          new Option<>(
                  "dead_tokens_as_steps",
                  Concern.DEAD,
                  toggle(),
                  "false",
                  "divide dead-feature-tokens by the rows of a step, rounded down, and count steps")
              .in("true", OPENAI));

  static final Option<Boolean> DEAD_INCLUSIVE =
      TABLE.add(
          new Option<>(
                  "dead_inclusive",
                  Concern.DEAD,
                  toggle(),
                  "false",
                  "dead at the window, not only past it")
              .in("true", DICTIONARY_LEARNING));

  static final Option<Boolean> DEAD_MASK_AFTER_STEP =
      TABLE.add(
          new Option<>(
                  "dead_mask_after_step",
                  Concern.DEAD,
                  toggle(),
                  "false",
                  "take the dead mask after the step's own count")
              .in("true", OPENAI, DICTIONARY_LEARNING, SENTENCE_TRANSFORMERS));

  static final Option<Long> SINCE_FIRED_RESTART =
      TABLE.add(
          new Option<>(
                  "since_fired_restart",
                  Concern.DEAD,
                  longInteger(atLeast(0)),
                  "0",
                  "counter of a latent that has just fired")
              .in("1", OPENAI, SENTENCE_TRANSFORMERS));

  static final Option<DecoderNormRule.When> NORMALIZE_DECODER =
      TABLE.add(
          new Option<>(
                  "normalize_decoder",
                  Concern.OPTIMIZER,
                  choiceOrSwitch(DecoderNormRule.When.BEFORE_FORWARD, DecoderNormRule.When.FREE),
                  "free",
                  "when decoder rows are brought to unit norm")
              .alias("normalize_sae_decoder")
              .in("before_forward", SAELENS_PR370, ELEUTHER)
              .in("after_backward", OPENAI)
              .in("after_step", DICTIONARY_LEARNING));

  static final Option<Double> NORMALIZE_DECODER_EPSILON =
      TABLE.add(
          new Option<>(
                  "normalize_decoder_epsilon",
                  Concern.OPTIMIZER,
                  number(atLeast(0)),
                  "0",
                  "added to that norm")
              .in("1.1920928955078125e-7", ELEUTHER, DICTIONARY_LEARNING));

  static final Option<Boolean> PROJECT_DECODER_GRADIENT =
      TABLE.add(
          new Option<>(
                  "project_decoder_gradient",
                  Concern.OPTIMIZER,
                  toggle(),
                  "false",
                  "remove the gradient parallel to decoder rows")
              .in("true", ELEUTHER, OPENAI, DICTIONARY_LEARNING));

  static final Option<Double> PROJECT_EPSILON =
      TABLE.add(
          new Option<>(
                  "project_epsilon",
                  Concern.OPTIMIZER,
                  number(atLeast(0)),
                  "0",
                  "added to the norm there; 0 takes rows as they are")
              .in("1e-6", DICTIONARY_LEARNING));

  static final Option<WeightInit> WEIGHT_INIT =
      TABLE.add(
          new Option<>(
                  "weight_init",
                  Concern.START,
                  choice(WeightInit.class),
                  "decoder_transpose",
                  "initial encoder and decoder")
              .in("independent", SAELENS_PR370)
              .in("encoder_clone", ELEUTHER, SENTENCE_TRANSFORMERS)
              .in("calibrated_encoder_clone", OPENAI));

  static final Option<OptionalDouble> DECODER_INIT_NORM =
      TABLE.add(
          new Option<>(
                  "decoder_init_norm",
                  Concern.START,
                  optionalNumber(moreThan(0)),
                  "0.1",
                  "norm of decoder rows at the start, or none")
              .in("1", SAELENS_PR370, ELEUTHER, OPENAI, DICTIONARY_LEARNING)
              .in("none", SENTENCE_TRANSFORMERS));

  static final Option<BDecInit> B_DEC_INIT_METHOD =
      TABLE.add(
          new Option<>(
                  "b_dec_init_method",
                  Concern.START,
                  choice(BDecInit.class),
                  "zeros",
                  "initial b_dec, from the first batch")
              .in("mean", ELEUTHER)
              .in("geometric_median", SAELENS_PR370, OPENAI, DICTIONARY_LEARNING));

  static final Option<Long> SEED =
      TABLE.add(
          new Option<>(
              "seed", Concern.RUN, longInteger(Range.ANY), "42", "seed of everything random"));

  static final Option<OptionalLong> SHUFFLE_SEED =
      TABLE.add(
          new Option<>(
              "shuffle_seed",
              Concern.DATA,
              optionalLong(Range.ANY),
              "auto",
              "seed of the order of rows; auto: seed"));

  static final Option<Double> EVAL_FRACTION =
      TABLE.add(
          new Option<>(
              "eval_fraction",
              Concern.DATA,
              number(atLeastAndLessThan(0, 1)),
              "0.05",
              "share of the rows held out of training"));

  /**
   * What differs from the recipes' defaults where there are targets: as sparsify trains
   * transcoders. b_dec belongs to the output and is not subtracted from the input; the decoder
   * starts at 0 and is free.
   */
  static final Map<String, Object> WITH_TARGETS =
      Map.of(
          APPLY_B_DEC_TO_INPUT.name(),
          false,
          RESCALE_ACTS_BY_DECODER_NORM.name(),
          false,
          NORMALIZE_DECODER.name(),
          "free",
          PROJECT_DECODER_GRADIENT.name(),
          false,
          WEIGHT_INIT.name(),
          "zero_decoder",
          B_DEC_INIT_METHOD.name(),
          "mean");

  /** What a contrastive step has no choice in. */
  static final Map<Option<?>, Object> WITH_CONTRAST =
      Map.ofEntries(
          Map.entry(MAIN_LOSS, Reconstruction.Measure.SCALED_MSE),
          Map.entry(APPLY_B_DEC_TO_INPUT, true),
          Map.entry(RESCALE_ACTS_BY_DECODER_NORM, false),
          Map.entry(MULTI_TOPK, false),
          Map.entry(PROJECT_DECODER_GRADIENT, false),
          Map.entry(GRADIENT_ACCUMULATION, 1),
          Map.entry(AUX_SCALED_BY_DEAD, false),
          Map.entry(DETACH_RESIDUAL, true),
          Map.entry(AUX_RELU, true),
          Map.entry(AUX_B_DEC, AuxK.BDec.CANCELS),
          Map.entry(AUX_NORMALIZER, AuxK.Normalizer.RESIDUAL_VARIANCE));

  private TrainingOptions() {}
}
