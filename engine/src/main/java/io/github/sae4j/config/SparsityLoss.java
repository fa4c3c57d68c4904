package io.github.sae4j.config;

/** What is penalised in a JumpReLU SAE, by SAELens's names. */
public enum SparsityLoss {
  /** The number of active latents, L0. */
  STEP,
  /** Σ tanh(scale · activation · decoder norm), a smooth L0. */
  TANH,
  /** (L0 / target − 1)². */
  QUADRATIC
}
