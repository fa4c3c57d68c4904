package io.github.sae4j.config;

import io.github.sae4j.options.Recipe;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What an architecture changes in a recipe's defaults: the peers train JumpReLU, standard and gated
 * SAEs with other rates and constraints than TopK. They lie below everything that is given.
 */
public final class ArchitectureDefaults {
  private ArchitectureDefaults() {}

  /**
   * The defaults of an architecture where they differ from those in the table.
   *
   * @param architecture what is trained
   * @param recipe whose training is followed
   * @param aprilUpdate whether standard is dictionary_learning's April form
   * @return names and values as text; empty for TopK, BatchTopK and Matryoshka
   */
  public static Map<String, String> of(
      Architecture architecture, Recipe recipe, boolean aprilUpdate) {
    Map<String, String> defaults = new LinkedHashMap<>();
    if (!architecture.penalisesActivity() || !architecture.recipes().contains(recipe)) {
      return defaults;
    }
    // Neither peer has AuxK, or ranks, in these.
    defaults.put(TrainingOptions.AUX_LOSS_COEFFICIENT.name(), "0");
    defaults.put(TrainingOptions.RESCALE_ACTS_BY_DECODER_NORM.name(), "false");
    defaults.put(TrainingOptions.FIRED.name(), "positive");
    if (recipe == Recipe.DICTIONARY_LEARNING) {
      dictionaryLearning(architecture, aprilUpdate, defaults);
    }
    return defaults;
  }

  private static void dictionaryLearning(
      Architecture architecture, boolean aprilUpdate, Map<String, String> defaults) {
    defaults.put(TrainingOptions.B_DEC_INIT_METHOD.name(), "zeros");
    if (architecture == Architecture.JUMPRELU) {
      defaults.put(TrainingOptions.LR.name(), "7e-5");
      defaults.put(TrainingOptions.ADAM_BETA1.name(), "0");
      defaults.put(TrainingOptions.APPLY_B_DEC_TO_INPUT.name(), "false");
      return;
    }
    defaults.put(TrainingOptions.SPARSITY_COEFFICIENT.name(), "0.1");
    if (aprilUpdate && architecture == Architecture.STANDARD) {
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
    if (architecture == Architecture.STANDARD) {
      defaults.put(TrainingOptions.LR.name(), "1e-3");
      defaults.put(TrainingOptions.DECODER_INIT_NORM.name(), "0.1");
    } else {
      defaults.put(TrainingOptions.LR.name(), "5e-5");
      defaults.put(TrainingOptions.ADAM_BETA1.name(), "0");
    }
  }
}
