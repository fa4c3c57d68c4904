package io.github.sae4j.internal.flight;

/** A part of training whose time is recorded. */
public enum Phase {
  /** A batch is read from the files and checked, on the reader's thread. */
  READING,
  /** The batch is multiplied by the encoder, latents are selected, and counted. */
  ENCODE,
  /** Reconstruction and losses; where a device fuses, the gradients of the codes may be too. */
  DECODE,
  /** Gradients of the weights. */
  GRADIENTS,
  /** The optimizer; where a device fuses and does not clip, the gradients of the weights too. */
  UPDATE,
  /** A checkpoint, or the trained SAE, is written. */
  CHECKPOINT
}
