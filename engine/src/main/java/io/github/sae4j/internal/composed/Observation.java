package io.github.sae4j.internal.composed;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.Term;
import java.util.List;

/**
 * Intermediate results of a step, for tests and inspection. Valid during the observer's call,
 * except for the dead mask.
 *
 * @param terms one entry per term, in the objective's order; an idle term is left out
 * @param dead the dead mask used
 * @param gradients gradients before projection and clipping
 */
public record Observation(List<TermView> terms, boolean[] dead, Gradients gradients) {
  /**
   * Intermediate results of a term.
   *
   * @param term the term
   * @param codes its codes; those of AuxK number the dead latents, from 0
   * @param out its reconstruction {@code [rows, d_out]}, or null where it keeps none
   */
  public record TermView(Term term, SparseCodes codes, Matrix out) {}

  /**
   * The main codes.
   *
   * @return codes of the reconstruction
   */
  public SparseCodes codes() {
    return terms.getFirst().codes();
  }

  /**
   * The reconstruction.
   *
   * @return {@code [rows, d_out]}
   */
  public Matrix saeOut() {
    return terms.getFirst().out();
  }

  /**
   * Intermediate results of a kind of term.
   *
   * @param kind the kind of term
   * @return its view
   * @throws java.util.NoSuchElementException if the objective has no such term, or it was idle
   */
  public TermView of(Class<? extends Term> kind) {
    return terms.stream().filter(view -> kind.isInstance(view.term())).findFirst().orElseThrow();
  }
}
