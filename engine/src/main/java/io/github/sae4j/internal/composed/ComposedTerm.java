package io.github.sae4j.internal.composed;

import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.Contrast;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.GateReconstruction;
import io.github.sae4j.objective.Matryoshka;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.objective.PreActivation;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.objective.Sparsity;
import io.github.sae4j.objective.Term;
import java.util.ArrayList;
import java.util.List;

/**
 * A term of the objective in one step, composed from kernels. It is created once the main codes are
 * known; then its methods are called in the order of their declaration, each for all terms, in the
 * objective's order, before the next method.
 */
interface ComposedTerm {
  /** The composed forms of an objective's terms. */
  static List<ComposedTerm> of(Objective objective, Pass pass) {
    ReconstructionTerm main = new ReconstructionTerm(objective.reconstruction(), pass);
    MatryoshkaTerm nested =
        objective.find(Matryoshka.class).map(term -> new MatryoshkaTerm(term, pass)).orElse(null);
    main.nest(nested);
    List<ComposedTerm> terms = new ArrayList<>();
    for (Term term : objective.terms()) {
      terms.add(
          switch (term) {
            case Reconstruction reconstruction -> main;
            case MultiTopK multi -> new MultiTopKTerm(multi, pass);
            case Matryoshka matryoshka -> nested;
            case Sparsity _, PreActivation _, GateReconstruction _ ->
                throw new AssertionError(term + " is formed by tiles");
            case AuxK aux when nested != null && nested.term().auxPerLevel() ->
                AuxKLevels.of(aux, pass, main, nested);
            case AuxK aux -> new AuxKTerm(aux, pass, main);
            case DeadTopK multi -> throw new AssertionError(multi + " outside a contrastive step");
            case Contrast contrast -> throw new AssertionError("a pass of its own has " + contrast);
          });
    }
    return terms;
  }

  /**
   * Marks the latents that this term selects, for recipes in which a selected latent counts as
   * fired.
   *
   * @param fired by latent
   */
  default void markSelected(boolean[] fired) {}

  /** Forms what the losses need of the whole batch: codes, reconstruction, error. */
  void forward();

  /**
   * Whether it divides by the variance of micro-batches in this step.
   *
   * @return true if {@link MicroBatch#totalVariance} is needed
   */
  boolean needsVariance();

  /**
   * Forms the loss of a micro-batch and turns its error into the gradient at the output.
   *
   * @param micro the micro-batch
   * @return the loss before the term's weight; 0 when idle
   */
  double loss(MicroBatch micro);

  /**
   * Forms the term's gradients, from +0, and adds them to those of the terms before it.
   *
   * @param total gradients so far; the first term overwrites those of the four tensors that every
   *     autoencoder has, the others start at 0
   */
  void backward(Gradients total);

  /**
   * What the term computed.
   *
   * @return codes and reconstruction, or null when idle
   */
  Observation.TermView view();
}
