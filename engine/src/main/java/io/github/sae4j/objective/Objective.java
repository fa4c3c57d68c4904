package io.github.sae4j.objective;

import io.github.sae4j.kernels.Shapes;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a training step minimises: the weighted sum of its terms. The order of the list is the order
 * in which the terms' gradients are added, each of them formed from +0 (numerics rule 4).
 *
 * @param terms the {@link Reconstruction} first, then further terms, {@link MultiTopK} and {@link
 *     Matryoshka} before {@link AuxK}; at most one of a kind
 */
public record Objective(List<Term> terms) {
  /** Checks the order. */
  public Objective {
    terms = List.copyOf(terms);
    Shapes.expect(
        !terms.isEmpty() && terms.getFirst() instanceof Reconstruction,
        "objective",
        "a reconstruction as its first term",
        terms);
    List<? extends Class<?>> kinds = terms.stream().map(Term::getClass).toList();
    Shapes.expect(
        kinds.stream().distinct().count() == kinds.size(),
        "objective",
        "at most one term of a kind",
        terms);
    Shapes.expect(
        !kinds.contains(AuxK.class) || kinds.getLast() == AuxK.class,
        "objective",
        "AuxK as its last term",
        terms);
  }

  /**
   * An objective.
   *
   * @param reconstruction the main term
   * @param others further terms, in the order of the record
   * @return their sum
   */
  public static Objective of(Reconstruction reconstruction, Term... others) {
    return new Objective(Stream.concat(Stream.of(reconstruction), Arrays.stream(others)).toList());
  }

  /** {@return the main term, the first of the list} */
  public Reconstruction reconstruction() {
    return (Reconstruction) terms.getFirst();
  }

  /**
   * The term of a kind.
   *
   * @param <T> the kind
   * @param kind the kind
   * @return the term, if the objective has it
   */
  public <T extends Term> Optional<T> find(Class<T> kind) {
    return terms.stream().filter(kind::isInstance).map(kind::cast).findFirst();
  }

  /**
   * The loss: the reconstruction's value, then weight times value of the other terms, added from
   * the last to the first.
   *
   * @param values the terms' values, in their order
   * @return the sum
   */
  public double total(double... values) {
    double total = values[0];
    for (int i = values.length - 1; i >= 1; i--) {
      total += terms.get(i).weight() * values[i];
    }
    return total;
  }
}
