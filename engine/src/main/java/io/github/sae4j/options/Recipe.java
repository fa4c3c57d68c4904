package io.github.sae4j.options;

import java.util.Locale;

/**
 * The named recipes: which peer's training a configuration follows. Each gives the options their
 * defaults, {@link #SAELENS} where none is named; every option can be overridden.
 */
public enum Recipe {
  /**
   * SAELens's TopK training from 6.36.2 on; earlier versions had b_dec in AuxK's reconstruction
   * ({@code aux_b_dec} included).
   */
  SAELENS,

  /** SAELens's TopK as of its pull request 370. */
  SAELENS_PR370,

  /**
   * EleutherAI's sparsify, with the true gradient and Adam. Up to 1.3 b_dec was in AuxK's
   * reconstruction ({@code aux_b_dec} included).
   */
  ELEUTHER,

  /**
   * OpenAI's sparse_autoencoder. b_dec is on both sides of AuxK and left out here: it cancels in
   * the value and, as in the restatement that the golden vectors come from, in the gradient. In the
   * published code only the target's copy is detached, so that b_dec gets the term's gradient:
   * {@code aux_b_dec} cancels.
   */
  OPENAI,

  /** The TopKTrainer of dictionary_learning. */
  DICTIONARY_LEARNING,

  /**
   * The sparse autoencoder of sentence-transformers with its CSRLoss: codes of embeddings for
   * search, one matrix for encoder and decoder, and a contrastive term.
   */
  SENTENCE_TRANSFORMERS;

  /**
   * The learning rate that {@code lr} auto stands for: 3e-4 for SAELens, 1e-4 for OpenAI, 4e-5 for
   * sentence-transformers, 2e-4 / √(d_sae / 2¹⁴) for the other two.
   *
   * @param dSae number of latents
   * @return the learning rate
   */
  public double autoLearningRate(int dSae) {
    return switch (this) {
      case SAELENS, SAELENS_PR370 -> 3e-4;
      case OPENAI -> 1e-4;
      case SENTENCE_TRANSFORMERS -> 4e-5;
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
