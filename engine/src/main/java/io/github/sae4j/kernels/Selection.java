package io.github.sae4j.kernels;

/** How pre-activations are ranked and what is stored of those selected (numerics rule 10). */
public enum Selection {
  /** Ranked as they are; ReLU afterwards: a selected negative is stored as +0. */
  RAW_THEN_RELU,
  /** Ranked by max(v, 0): ties among zeros go to the lowest index. Stored the same. */
  RELU_FIRST,
  /** Ranked as they are and stored with their sign (AuxK of SAELens). */
  SIGNED
}
