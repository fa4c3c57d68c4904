package io.github.sae4j.config;

import io.github.sae4j.options.Recipe;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The architecture that is trained: how latents become active, and which terms it adds to the loss.
 */
public enum Architecture {
  /** The k largest of each row. */
  TOPK(EnumSet.allOf(Recipe.class)),

  /**
   * The k · rows largest of a whole batch (Bussmann et al. 2024), so rows take as many as they
   * need. At inference a running threshold replaces the competition: the SAE is a JumpReLU with one
   * threshold for all latents.
   */
  BATCHTOPK(EnumSet.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)),

  /**
   * BatchTopK whose first latents also reconstruct on their own, for several widths (Bussmann et
   * al. 2025): general features come first, special ones after them.
   */
  MATRYOSHKA(EnumSet.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)),

  /**
   * Latents above a threshold of their own, which is trained together with the weights while their
   * number is penalised (Rajamanoharan et al. 2024, as Gemma Scope is).
   */
  JUMPRELU(EnumSet.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)),

  /** ReLU, with a norm of the activations penalised: the standard SAE, L1. */
  STANDARD(EnumSet.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING)),

  /**
   * A gate that decides which latents are active, beside a magnitude that is not shrunk by the
   * penalty on gates (Rajamanoharan et al. 2024).
   */
  GATED(EnumSet.of(Recipe.SAELENS, Recipe.DICTIONARY_LEARNING));

  private final Set<Recipe> recipes;

  Architecture(Set<Recipe> recipes) {
    this.recipes = recipes;
  }

  /**
   * Whether k latents are chosen, or as many are active as a penalty leaves.
   *
   * @return true for jumprelu, standard and gated, which have no k
   */
  public boolean penalisesActivity() {
    return this == JUMPRELU || this == STANDARD || this == GATED;
  }

  /**
   * The peers that train it.
   *
   * @return recipes that it may be combined with
   */
  public Set<Recipe> recipes() {
    return Set.copyOf(recipes);
  }

  /**
   * What this architecture changes in a recipe's defaults: the peers train JumpReLU, standard and
   * gated SAEs with other rates and constraints than TopK. They lie below everything that is given.
   *
   * @param recipe whose training is followed
   * @param aprilUpdate whether standard is dictionary_learning's April form
   * @return names and values as text; empty for TopK, BatchTopK and Matryoshka
   */
  public Map<String, String> defaults(Recipe recipe, boolean aprilUpdate) {
    Map<String, String> defaults = new LinkedHashMap<>();
    if (!penalisesActivity() || !recipes.contains(recipe)) {
      return defaults;
    }
    // Neither peer has AuxK, or ranks, in these.
    defaults.put(TrainingOptions.AUX_LOSS_COEFFICIENT.name(), "0");
    defaults.put(TrainingOptions.RESCALE_ACTS_BY_DECODER_NORM.name(), "false");
    defaults.put(TrainingOptions.FIRED.name(), "positive");
    if (recipe == Recipe.DICTIONARY_LEARNING) {
      dictionaryLearning(aprilUpdate, defaults);
    }
    return defaults;
  }

  private void dictionaryLearning(boolean aprilUpdate, Map<String, String> defaults) {
    defaults.put(TrainingOptions.B_DEC_INIT_METHOD.name(), "zeros");
    if (this == JUMPRELU) {
      defaults.put(TrainingOptions.LR.name(), "7e-5");
      defaults.put(TrainingOptions.ADAM_BETA1.name(), "0");
      defaults.put(TrainingOptions.APPLY_B_DEC_TO_INPUT.name(), "false");
      return;
    }
    defaults.put(TrainingOptions.SPARSITY_COEFFICIENT.name(), "0.1");
    if (aprilUpdate && this == STANDARD) {
      defaults.put(TrainingOptions.LR.name(), "1e-3");
      defaults.put(TrainingOptions.L1_DECODER_NORM_POWER.name(), "2");
      defaults.put(TrainingOptions.NORMALIZE_DECODER.name(), "free");
      defaults.put(TrainingOptions.PROJECT_DECODER_GRADIENT.name(), "false");
      defaults.put(TrainingOptions.APPLY_B_DEC_TO_INPUT.name(), "false");
      defaults.put(TrainingOptions.DECODER_INIT_NORM.name(), "0.1");
      return;
    }
    // ConstrainedAdam: rows of exactly unit norm, and the gradient's parallel part, without
    // clipping.
    defaults.put(TrainingOptions.CLIP_GRAD_NORM.name(), "none");
    defaults.put(TrainingOptions.NORMALIZE_DECODER_EPSILON.name(), "0");
    defaults.put(TrainingOptions.PROJECT_EPSILON.name(), "1e-30");
    if (this == STANDARD) {
      defaults.put(TrainingOptions.LR.name(), "1e-3");
      defaults.put(TrainingOptions.DECODER_INIT_NORM.name(), "0.1");
    } else {
      defaults.put(TrainingOptions.LR.name(), "5e-5");
      defaults.put(TrainingOptions.ADAM_BETA1.name(), "0");
    }
  }
}
