package io.github.sae4j.kernels;

/**
 * What a prepared encoder reads for every row. The bits of the codes are the same for all: a copy
 * of W_enc in fewer bits only tells which latents cannot be in a code, by a proven bound, and the
 * others are computed from W_enc itself, in f32 (numerics.md, "Filters with a bound").
 *
 * <p>A copy pays where rows come a few at a time, because then reading W_enc is what takes the
 * time; batches of {@value #MANY_ROWS} rows and more are encoded from W_enc, and so are rows with
 * so many active latents that the copy rules out too few. {@link Encoder#precision} tells what an
 * encoder reads: activations other than TopK and those by threshold, and devices that have no such
 * kernel, read W_enc whatever was asked for.
 */
public enum ServingPrecision {
  /** W_enc in f32, which for TopK is packed for the kernel; no copy in fewer bits. */
  F32(0),
  /** A copy in bf16, half of W_enc's bytes: fewer latents are computed twice than with INT8. */
  BF16(2),
  /** A copy in 8-bit integers with a scale for each latent, a quarter of W_enc's bytes. */
  INT8(1),
  /** INT8 where W_enc takes 8 MiB or more, otherwise F32. */
  AUTO(1);

  /** Latents are padded to whole panels, of two vectors of 512 bits at most. */
  private static final int WIDEST_PANEL = 32;

  /** What is kept for a latent: its unit, error, bias, scale, thresholds. */
  private static final int BYTES_A_LATENT = 28;

  /**
   * Rows of a batch from which on no copy is read. At d = 768 and n = 24,576 reading one and the
   * device's own kernel take about equally long for 256 rows; TopK with 128 rows and more is up to
   * a quarter faster from packed W_enc, without a copy.
   */
  public static final int MANY_ROWS = 256;

  private final int bytesPerWeight;

  ServingPrecision(int bytesPerWeight) {
    this.bytesPerWeight = bytesPerWeight;
  }

  /**
   * What a copy of W_enc takes at most beside W_enc itself, with what is kept for each latent. The
   * scratch of calls comes on top: 4 d_sae bytes for each row of up to 64, and more for rows with
   * many active latents.
   *
   * @param dIn width of the activations
   * @param dSae number of latents
   * @return bytes; of {@link #AUTO} those of INT8
   */
  public long copyBytes(int dIn, int dSae) {
    if (bytesPerWeight == 0) {
      return 0;
    }
    long ints = Math.ceilDiv((long) bytesPerWeight * dIn, Integer.BYTES);
    long latents = Math.ceilDiv((long) dSae, WIDEST_PANEL) * WIDEST_PANEL;
    return latents * (Integer.BYTES * ints + BYTES_A_LATENT);
  }
}
