package io.github.sae4j.config;

/** How encoder and decoder start; the formulas are in {@code InitialWeights}. */
public enum WeightInit {
  /**
   * Decoder rows drawn from U(±√(6/d_in)) (PyTorch's {@code kaiming_uniform_}) and brought to the
   * given norm; the encoder is the decoder's transpose (SAELens 6.18 with norm 0.1,
   * dictionary_learning with norm 1).
   */
  DECODER_TRANSPOSE,
  /**
   * Encoder and decoder drawn apart: U(±√(6/d_sae)) and U(±√(6/d_in)), the decoder's rows brought
   * to the given norm (SAELens at pull request 370 without {@code
   * init_encoder_as_decoder_transpose}).
   */
  INDEPENDENT,
  /**
   * Encoder rows drawn from U(±1/√d_in) (PyTorch's {@code nn.Linear}); the decoder is their copy
   * brought to the given norm (sparsify with norm 1).
   */
  ENCODER_CLONE,
  /**
   * As {@link #ENCODER_CLONE}, then the encoder is divided by the mean norm of the reconstructions
   * of 256 random inputs of unit norm, so that the SAE starts by keeping norms (OpenAI).
   */
  CALIBRATED_ENCODER_CLONE,
  /** Encoder rows drawn from U(±1/√d_in); the decoder starts at 0 (sparsify's transcoders). */
  ZERO_DECODER
}
