package io.github.sae4j.kernels;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.function.IntConsumer;

/**
 * The operations that every device offers individually: for serving, evaluation and parity, and for
 * training steps that the device does not fuse.
 *
 * <p><b>The numerics contract.</b> Each method below states its order of operations; a device whose
 * {@linkplain io.github.sae4j.numerics.Guarantee guarantee} is exact returns the same bits as
 * {@code device.scalar}, for any thread count and vector width. Notation: <i>fma(a,b,c)</i> is the
 * correctly rounded a·b+c in f32; a <i>chain</i> is s ← fma(a_j, b_j, s) over ascending j from s =
 * +0; <i>lanes</i> means 16 strided partial chains (lane l takes elements l, l+16, …, a short tail
 * padded with +0) joined by the halving tree 8, 4, 2, 1.
 *
 * <p>Weights are {@code [d_sae, d_in]} row-major for encoder and decoder alike. Shapes are checked
 * by every method; a wrong one throws {@link IllegalArgumentException} that names the argument.
 * Kernels may be called from any thread; calls that write the same matrix must not overlap. After
 * the device is closed every call throws {@link IllegalStateException}.
 */
public interface Kernels {
  /**
   * Opens memory for matrices that these kernels can work on.
   *
   * @return memory without allocations; the caller closes it
   */
  OffHeap openMemory();

  /**
   * General matrix product {@code out = op(a) op(b)}, op being the identity or the transpose. Each
   * element is one chain over the inner index (numerics rule 1).
   *
   * @param a {@code [m, p]}, or {@code [p, m]} if transposed
   * @param transposeA whether to use the transpose of {@code a}
   * @param b {@code [p, q]}, or {@code [q, p]} if transposed
   * @param transposeB whether to use the transpose of {@code b}
   * @param out {@code [m, q]}, overwritten; may not share memory with the operands
   */
  void product(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix out);

  /**
   * Encodes a batch: pre-activation = chain over d_in of (x − b_dec)·W_enc[i], b_enc added last in
   * one rounding (rule 1; x − b_dec is formed first in one rounding, if b_dec is given); then the
   * activation, in the total order of rule 10. Codes are stored with ascending indices. No matrix
   * of {@code [rows, d_sae]} is formed.
   *
   * <p>Devices have a kernel for TopK ({@link Activation.Ranked#isTopK}); every other activation
   * may be left to {@link ComposedEncoding}, with the same bits.
   *
   * @param encoder weights
   * @param x {@code [rows, d_in]}; the whole batch, where rows compete
   * @param activation how latents become active
   * @param out {@code rows} rows, overwritten; makes room if it is short
   * @throws NonFiniteException if any pre-activation is NaN or infinite
   */
  void encode(EncoderWeights encoder, Matrix x, Activation activation, SparseCodes out);

  /**
   * Prepares weights for many calls of {@link #encode}, with the same bits. The weights may be
   * copied now or read by every call, so they must not change until the encoder is closed.
   *
   * @param encoder weights
   * @param activation how latents become active
   * @return an encoder; the caller closes it
   */
  default Encoder encoder(EncoderWeights encoder, Activation activation) {
    activation.checkLatents(encoder.dSae());
    return new Encoder() {
      @Override
      public void encode(Matrix x, SparseCodes out) {
        Kernels.this.encode(encoder, x, activation, out);
      }

      @Override
      public void close() {
        // The caller owns the weights.
      }
    };
  }

  /**
   * Prepares weights for many calls of few rows, with the same bits, and with a copy of W_enc in
   * fewer bits where this device has a kernel that reads one.
   *
   * @param encoder weights, which must not change until the encoder is closed
   * @param activation how latents become active
   * @param precision what is read for every row; {@link Encoder#precision} tells what is
   * @return an encoder; the caller closes it
   */
  default Encoder encoder(
      EncoderWeights encoder, Activation activation, ServingPrecision precision) {
    return encoder(encoder, activation);
  }

  /**
   * Applies an activation to products that were formed elsewhere, as {@link #encode} does.
   *
   * @param products {@code [rows, n]}, finite
   * @param bias {@code [1, n]}: added in one rounding; or null, if the products are pre-activations
   * @param activation how latents become active
   * @param rankScale {@code [1, n]}: latents are ranked by the pre-activation times this, in one
   *     rounding; or null
   * @param out {@code rows} rows, overwritten; makes room if it is short
   * @throws NonFiniteException if any pre-activation is NaN or infinite
   */
  void activate(
      Matrix products, Matrix bias, Activation activation, Matrix rankScale, SparseCodes out);

  /**
   * Sparse decode: per output column one chain over the row's latents in ascending order, the bias
   * added last in one rounding (rule 3).
   *
   * @param codes rows of any lengths, indices ascending
   * @param wDec {@code [d_sae, d_out]}
   * @param bDec {@code [1, d_out]}, or null for none
   * @param out {@code [rows, d_out]}, overwritten
   */
  void decode(SparseCodes codes, Matrix wDec, Matrix bDec, Matrix out);

  /**
   * Gradient of each code: {@code out[p] = ⟨g_b, W_dec[i]⟩} by lanes (rule 2) for the latent i and
   * the row b of code p.
   *
   * @param g {@code [rows, d_out]}
   * @param wDec {@code [d_sae, d_out]}
   * @param codes rows of any lengths
   * @param gated if true, codes whose value is not positive get +0
   * @param out a vector of at least as many elements as there are codes: one for each, in their
   *     order ({@link SparseCodes#start}); further elements are unchanged
   */
  void codeGradients(Matrix g, Matrix wDec, SparseCodes codes, boolean gated, Matrix out);

  /**
   * Sparse outer products: {@code out[i] = Σ_b coefficient(b, i) · rows_b} over the samples that
   * hold latent i, per column one chain over ascending samples; latents without samples get +0
   * (rule 4).
   *
   * @param codes which latents each of {@code B} samples holds
   * @param coefficients a vector with an element for each code, at least, in their order; or null
   *     to use the codes' values
   * @param rows {@code [B, d]}
   * @param out {@code [d_sae, d]}, overwritten
   */
  void accumulateByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out);

  /**
   * Goes on with the chains of {@link #accumulateByLatent} where the rows before it ended, so that
   * a batch gives the same bits in one call and in several: {@code out[i]} is the start of latent
   * i's chain instead of +0, and latents without samples keep it. Every device may leave it to the
   * host.
   *
   * @param codes which latents each of {@code B} samples holds
   * @param coefficients a vector with an element for each code, at least, in their order; or null
   *     to use the codes' values
   * @param rows {@code [B, d]}
   * @param out {@code [d_sae, d]}, updated
   */
  default void continueByLatent(SparseCodes codes, Matrix coefficients, Matrix rows, Matrix out) {
    HostChains.continueByLatent(codes, coefficients, rows, out);
  }

  /**
   * Sums per latent: {@code out[0, i] = Σ_b coefficient(b, i)}, a plain sum over ascending samples
   * from +0 (rule 4).
   *
   * @param codes which latents each sample holds
   * @param coefficients a vector with an element for each code, at least, in their order
   * @param out {@code [1, d_sae]}, overwritten
   */
  void sumByLatent(SparseCodes codes, Matrix coefficients, Matrix out);

  /**
   * Row dot products by lanes (rule 2).
   *
   * @param a {@code [rows, d]}
   * @param b {@code [rows, d]}; pass {@code a} for squared norms
   * @param out {@code [1, rows]}, overwritten
   */
  void rowDots(Matrix a, Matrix b, Matrix out);

  /**
   * Squared distances of rows to one vector: the difference in one rounding, its square by lanes
   * (rules 2 and 6).
   *
   * @param a {@code [rows, d]}
   * @param center {@code [1, d]}
   * @param out {@code [1, rows]}, overwritten
   */
  void rowSquaredDistances(Matrix a, Matrix center, Matrix out);

  /**
   * Norms of rows: the correctly rounded square root of the squared norm by lanes (rule 2).
   *
   * @param a {@code [rows, d]}
   * @param out {@code [1, rows]}, overwritten
   */
  void rowNorms(Matrix a, Matrix out);

  /**
   * Column sums: blocks of 256 consecutive rows, a plain f32 sum in ascending order inside a block
   * from +0, blocks added in order (rule 5).
   *
   * @param a {@code [rows, d]}
   * @param out {@code [1, d]}, overwritten
   */
  void columnSums(Matrix a, Matrix out);

  /**
   * Column means: summed in double with the blocks of rule 5, divided by the number of rows,
   * rounded once to f32 (rule 6).
   *
   * @param a {@code [rows, d]}, at least one row
   * @param out {@code [1, d]}, overwritten
   */
  void columnMeans(Matrix a, Matrix out);

  /**
   * Subtracts one vector from every row, one rounding each.
   *
   * @param a {@code [rows, d]}
   * @param row {@code [1, d]}
   * @param out {@code [rows, d]}, overwritten; may be {@code a}
   */
  void subtractRow(Matrix a, Matrix row, Matrix out);

  /**
   * Difference of two matrices, one rounding each.
   *
   * @param a {@code [rows, d]}
   * @param b {@code [rows, d]}
   * @param out {@code [rows, d]}, overwritten; may be an operand
   */
  void subtract(Matrix a, Matrix b, Matrix out);

  /**
   * Adds a matrix to another, one rounding each.
   *
   * @param target {@code [rows, d]}, updated
   * @param addend {@code [rows, d]}
   */
  void add(Matrix target, Matrix addend);

  /**
   * Multiplies every element, one rounding each.
   *
   * @param a {@code [rows, d]}, updated
   * @param factor the factor
   */
  void scale(Matrix a, float factor);

  /**
   * Multiplies row i by factor i and adds shift i: {@code fma(a, factor_i, shift_i)}.
   *
   * @param a {@code [rows, d]}, updated
   * @param factors {@code [1, rows]}
   * @param shifts {@code [1, rows]}, or null for a plain product in one rounding
   */
  void scaleRows(Matrix a, Matrix factors, Matrix shifts);

  /**
   * Brings rows to unit norm: each element divided by (norm + epsilon), norm as in {@link
   * #rowNorms}, the sum in one rounding. A row whose divisor is 0 is left as it is.
   *
   * @param w {@code [rows, d]}, updated
   * @param epsilon added to the norm
   */
  void normalizeRows(Matrix w, float epsilon);

  /**
   * Removes from each gradient row its part parallel to the weight row: u = w, or w divided by
   * (norm + epsilon) if epsilon is positive; c = −⟨gradient, u⟩ by lanes; gradient ← fma(u, c,
   * gradient).
   *
   * @param gradient {@code [rows, d]}, updated
   * @param w {@code [rows, d]}
   * @param epsilon 0 for rows that are of unit norm already
   */
  void projectRows(Matrix gradient, Matrix w, float epsilon);

  /**
   * One Adam update as {@link Adam} writes it out, element by element.
   *
   * @param weights {@code [rows, d]}, updated
   * @param gradient {@code [rows, d]}; multiplied by the clipping coefficient first (one rounding)
   *     if there is one
   * @param m first moments {@code [rows, d]}, updated
   * @param v second moments {@code [rows, d]}, updated
   * @param adam the step's constants
   */
  void adam(Matrix weights, Matrix gradient, Matrix m, Matrix v, Adam adam);

  /**
   * Runs work on the host that several parts can share, in any order, possibly at the same time:
   * for what is computed in double by one implementation for all devices (rule 9).
   *
   * @param parts number of parts
   * @param work runs one part, numbered from 0; parts must not depend on each other
   */
  default void onHost(int parts, IntConsumer work) {
    for (int part = 0; part < parts; part++) {
      work.accept(part);
    }
  }
}
