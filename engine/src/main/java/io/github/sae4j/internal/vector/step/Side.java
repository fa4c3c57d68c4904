package io.github.sae4j.internal.vector.step;

/** The two weight matrices of a latent. */
enum Side {
  /** W_enc: its gradient sums up inputs, weighted by the gradients of the codes. */
  ENCODER,

  /** W_dec: its gradient sums up gradients at the output, weighted by the codes. */
  DECODER
}
