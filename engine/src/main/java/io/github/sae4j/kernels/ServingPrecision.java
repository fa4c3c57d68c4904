package io.github.sae4j.kernels;

/**
 * What a prepared encoder reads for every row. The bits of the codes are the same for all: a copy
 * of W_enc in fewer bits only tells which latents cannot be in a code, by a proven bound, and the
 * others are computed from W_enc itself, in f32 (numerics.md, "Filters with a bound").
 *
 * <p>A copy pays where rows come a few at a time, because then reading W_enc is what takes the
 * time. {@link Encoder#precision} tells what an encoder reads: activations other than TopK and
 * those by threshold, and devices that have no such kernel, read W_enc whatever was asked for.
 */
public enum ServingPrecision {
  /** W_enc in f32, for TopK packed for the kernel; no copy in fewer bits. */
  F32(0),
  /** A copy in bf16, half of W_enc's bytes: fewer latents are computed twice than with INT8. */
  BF16(2),
  /** A copy in 8-bit integers with a scale for each latent, a quarter of W_enc's bytes. */
  INT8(1),
  /** INT8 where W_enc is too large for the caches next to a core, otherwise F32. */
  AUTO(1);

  private final int bytesPerWeight;

  ServingPrecision(int bytesPerWeight) {
    this.bytesPerWeight = bytesPerWeight;
  }

  /**
   * About what a copy of W_enc takes beside W_enc itself, with what is kept for each latent.
   * Padding to whole panels and the scratch of calls, 4 d_sae bytes for each row of up to 64, come
   * on top.
   *
   * @param dIn width of the activations
   * @param dSae number of latents
   * @return bytes; of {@link #AUTO} those of INT8
   */
  public long copyBytes(int dIn, int dSae) {
    return bytesPerWeight == 0 ? 0 : bytesPerWeight * (long) dIn * dSae + 12L * dSae;
  }
}
