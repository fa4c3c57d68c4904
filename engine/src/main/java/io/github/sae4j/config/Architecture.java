package io.github.sae4j.config;

import io.github.sae4j.options.Recipe;
import java.util.EnumSet;
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
}
