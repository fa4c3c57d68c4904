package io.github.sae4j.config;

/**
 * Shape of the learning rate over a run ({@code lr_scheduler}); the formulas are those of {@link
 * LearningRate}. The first three are SAELens's, by its names; the last two are those of the recipes
 * {@code eleuther} and {@code dictionary-learning}.
 */
public enum LrScheduler {
  /** Warm-up, lr, linear decay to 0. */
  CONSTANT,
  /** Warm-up, half a cosine from lr to lr_end, linear decay to 0. */
  COSINEANNEALING,
  /** Warm-up, {@code n_restart_cycles} such half cosines, linear decay to 0. */
  COSINEANNEALINGWARMRESTARTS,
  /** Warm-up from 0, then linear to 0 over the rest of the run (sparsify). */
  LINEAR,
  /** Warm-up from 0, lr, linear decay to 0 (dictionary_learning). */
  CONSTANT_WITH_WARMUP
}
