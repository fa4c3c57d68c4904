package io.github.sae4j.kernels;

/** How pre-activations are ranked and what is stored of those selected (numerics rule 10). */
public enum Selection {
  /** Ranked as they are; ReLU afterwards: a selected negative is stored as +0. */
  RAW_THEN_RELU,
  /** Ranked by max(v, 0): ties among zeros go to the lowest index. Stored the same. */
  RELU_FIRST,
  /** Ranked as they are and stored with their sign (AuxK of SAELens). */
  SIGNED;

  /**
   * The selection of an activation that ranks the values of a row.
   *
   * @param ranked the activation
   * @return how it ranks and stores
   */
  public static Selection of(Activation.Ranked ranked) {
    Shapes.expect(
        ranked.scope() == Activation.Ranked.Scope.ROW
            && ranked.order() == Activation.Ranked.Order.VALUE,
        "activation",
        "the largest values of a row",
        ranked);
    return switch (ranked.relu()) {
      case BEFORE -> RELU_FIRST;
      case AFTER -> RAW_THEN_RELU;
      case NONE -> SIGNED;
    };
  }
}
