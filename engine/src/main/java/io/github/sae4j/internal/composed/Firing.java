package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.DeadLatents;
import java.util.List;

/**
 * Counts which latents fired in a step, and fixes the dead mask.
 *
 * @param active number of positive activations
 * @param least the smallest of them; infinity if there is none
 * @param dead the dead latents, ascending
 */
record Firing(long active, float least, int[] dead) {
  /** Counts a step; activations are codes times decoder norms, where latents are ranked by them. */
  static Firing count(Pass pass, List<ComposedTerm> terms) {
    DeadLatentRule rule = pass.spec.deadLatents();
    SparseCodes codes = pass.codes;
    boolean[] fired = new boolean[pass.spec.shape().dSae()];
    long active = 0;
    float least = Float.POSITIVE_INFINITY;
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        float activation = codes.value(b, slot);
        int latent = codes.index(b, slot);
        if (pass.norms != null) {
          activation *= pass.norms.get(0, latent);
        }
        if (activation > 0) {
          active++;
          least = Math.min(least, activation);
        }
        fired[latent] |= rule.fired().by(activation);
      }
    }
    if (rule.fired() == DeadLatentRule.Fired.SELECTED) {
      terms.forEach(term -> term.markSelected(fired));
    }
    int[] dead = new DeadLatents(rule.counting(), pass.state.sinceFired()).step(fired, pass.rows());
    return new Firing(active, least, dead);
  }

  /** Marks the latents that codes hold. */
  static void mark(SparseCodes codes, boolean[] fired) {
    for (int b = 0; b < codes.rows(); b++) {
      for (int slot = 0; slot < codes.length(b); slot++) {
        fired[codes.index(b, slot)] = true;
      }
    }
  }
}
