package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.ServingPrecision;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.Workspaces.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A trained sparse autoencoder or transcoder, ready to encode and decode. It owns its weights, not
 * the device.
 *
 * <p>For a row x: {@code pre = (x − b_dec) W_encᵀ + b_enc}, from which the {@linkplain
 * SaeConfig#activation activation} forms the code a; {@code x̂ = Σ a_i W_dec[i] + b_dec}. b_dec is
 * subtracted where the configuration says so. Where the SAE normalises its rows ({@link
 * InputNormalization}), x is the normalised row and x̂ is brought back; a skip connection adds
 * {@code x Sᵀ}.
 *
 * <table>
 *   <caption>What it does</caption>
 *   <tr><td>{@code encode}</td><td>the code a of x: as many latents for every row, or any number, as
 *       the activation has it ({@link io.github.sae4j.kernels.Activation#fixedLength})</td></tr>
 *   <tr><td>{@code decode}</td><td>x̂ of a code; with the rows that were encoded, where {@link
 *       #decodingNeedsRows}</td></tr>
 *   <tr><td>{@code reconstruct}</td><td>x̂ of x</td></tr>
 *   <tr><td>{@code error}</td><td>x − x̂, what the SAE does not explain; of a transcoder target −
 *       x̂</td></tr>
 *   <tr><td>{@code edit}</td><td>x with some latents changed ({@link LatentEdits}) and the error
 *       kept: decode(edited a) + (x − x̂), computed as x + Σ (edited a_i − a_i) W_dec[i], so that
 *       what no edit touches stays as it was; of a transcoder the same of its target</td></tr>
 *   <tr><td>{@code encoderDirection}, {@code decoderDirection}</td><td>a latent's row of W_enc and
 *       of W_dec</td></tr>
 * </table>
 *
 * <p>Each comes for batches in off-heap matrices of the device's memory ({@link
 * Device#openMemory()}), for arrays that are allocated for the result, and for one row in arrays or
 * segments that the caller brings. The first and the last allocate nothing once warm.
 *
 * <p>Thread-safe. After {@link #close()} all methods throw {@link IllegalStateException}, and so do
 * calls that are running when it is closed.
 */
public final class SparseAutoencoder implements AutoCloseable {
  private static final String CLOSED = "this SAE is closed";

  private final Device device;
  private final SaeConfig config;
  private final SaeWeights weights;
  private final Encoder encoder;
  private final ForwardPass pass;
  private final Workspaces workspaces;
  private volatile boolean closed;

  /**
   * An SAE with the given weights.
   *
   * @param device runs it; must stay open as long as this SAE
   * @param config what it computes
   * @param weights everything folded, in the device's memory; owned by the SAE from here on
   * @throws IllegalArgumentException if shapes differ from the configuration's, or there is a skip
   *     connection and rows are normalised
   */
  public SparseAutoencoder(Device device, SaeConfig config, SaeWeights weights) {
    this(device, config, weights, ServingPrecision.F32);
  }

  /**
   * An SAE with the given weights that may encode from a copy of W_enc in fewer bits: much faster
   * for one row or a few at a time, with the same bits in every code, and for {@link
   * ServingPrecision#copyBytes} more memory.
   *
   * @param device runs it; must stay open as long as this SAE
   * @param config what it computes
   * @param weights everything folded, in the device's memory; owned by the SAE from here on
   * @param precision what encoding reads
   * @throws IllegalArgumentException if shapes differ from the configuration's, or there is a skip
   *     connection and rows are normalised
   */
  public SparseAutoencoder(
      Device device, SaeConfig config, SaeWeights weights, ServingPrecision precision) {
    Shapes.expect("W_enc", weights.wEnc(), config.dSae(), config.dIn());
    Shapes.expect("W_dec", weights.wDec(), config.dSae(), config.dOut());
    Shapes.expect(
        config.normalization() == InputNormalization.NONE || weights.wSkip() == null,
        "normalization",
        "NONE with a skip connection",
        config.normalization());
    this.device = Objects.requireNonNull(device, "device");
    this.config = config;
    this.weights = weights;
    Matrix subtracted = config.applyBDecToInput() ? weights.bDec() : null;
    encoder =
        device.encoder(
            new EncoderWeights(weights.wEnc(), weights.bEnc(), subtracted, null),
            config.activation(),
            precision);
    weights.leaveEncoderTo(encoder);
    pass = new ForwardPass(device, config, weights, encoder);
    workspaces = new Workspaces(weights.memory(), config, weights.wSkip() != null);
  }

  /**
   * What it computes.
   *
   * @return the configuration
   */
  public SaeConfig config() {
    return config;
  }

  /**
   * Its weights, for reading; they are freed with the SAE.
   *
   * @return the weights
   */
  public SaeWeights weights() {
    return weights;
  }

  /**
   * The device that runs it.
   *
   * @return the device
   */
  public Device device() {
    return device;
  }

  /**
   * What encoding a few rows reads. The codes are the same whatever it is.
   *
   * @return BF16 or INT8 if it is a copy of W_enc in fewer bits; F32 if none was asked for, or the
   *     device or the activation has no kernel that reads one
   */
  public ServingPrecision servingPrecision() {
    return encoder.precision();
  }

  /**
   * Whether decoding needs the rows that were encoded: to undo their normalisation, or for the skip
   * connection.
   *
   * @return false if a code is enough
   */
  public boolean decodingNeedsRows() {
    return pass.undoes() || weights.wSkip() != null;
  }

  /**
   * Encodes a batch.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param out receives the codes of as many rows: latents ascending
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void encode(Matrix x, SparseCodes out) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    Arguments.expectRows("codes", out.rows(), x.rows());
    if (pass.normalizes()) {
      inChunks(
          x.rows(),
          (first, count, space) ->
              pass.encode(first, x.rows(first, count), out.rows(first, count), space));
      return;
    }
    checkOpen();
    try {
      encoder.encode(x, out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /**
   * Decodes a batch from its codes alone.
   *
   * @param codes rows of any lengths, indices ascending
   * @param out receives {@code [rows, d_out]}
   * @throws IllegalArgumentException if a shape or an index is wrong
   * @throws UnsupportedOperationException if {@link #decodingNeedsRows}
   */
  public void decode(SparseCodes codes, Matrix out) {
    Shapes.expect("out", out, codes.rows(), config.dOut());
    expectNoRowsNeeded();
    checkOpen();
    try {
      device.decode(codes, weights.wDec(), weights.bDec(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /**
   * Decodes a batch.
   *
   * @param codes rows of any lengths, indices ascending
   * @param x the rows that were encoded {@code [rows, d_in]}, as they were before any normalisation
   * @param out receives {@code [rows, d_out]}; may be {@code x}
   * @throws IllegalArgumentException if a shape or an index is wrong
   */
  public void decode(SparseCodes codes, Matrix x, Matrix out) {
    Shapes.expect("x", x, codes.rows(), config.dIn());
    Shapes.expect("out", out, codes.rows(), config.dOut());
    inChunks(
        x.rows(),
        (first, count, space) -> {
          Matrix rows = x.rows(first, count);
          pass.decodeAlone(codes.rows(first, count), rows, out.rows(first, count), space);
        });
  }

  /**
   * Encodes and decodes a batch.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param out receives x̂ {@code [rows, d_out]}; may be {@code x}
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void reconstruct(Matrix x, Matrix out) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    Shapes.expect("out", out, x.rows(), config.dOut());
    inChunks(
        x.rows(),
        (first, count, space) ->
            pass.reconstruct(first, x.rows(first, count), out.rows(first, count), space));
  }

  /**
   * Encodes one row without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param indices receives the active latents, ascending; {@link SaeConfig#mostLatents} are always
   *     room enough
   * @param values receives their activations
   * @return how many there are
   * @throws IllegalArgumentException if the length is wrong or room is short
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public int encode(float[] x, int[] indices, float[] values) {
    Arguments.expectLength("x", x.length, config.dIn());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      int count = encodeOne(space);
      Arguments.expectRoom("indices", indices.length, count);
      Arguments.expectRoom("values", values.length, count);
      SparseCodes codes = space.codes();
      MemorySegment.copy(codes.indices(), SparseCodes.INT, 0, indices, 0, count);
      MemorySegment.copy(codes.values(), Matrix.FLOAT, 0, values, 0, count);
      return count;
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Encodes one row without allocating.
   *
   * @param x {@code [d_in]} native floats, finite
   * @param indices receives the active latents as native ints, ascending; {@link
   *     SaeConfig#mostLatents} are always room enough
   * @param values receives their activations as native floats
   * @return how many there are
   * @throws IllegalArgumentException if the size is wrong or room is short
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public int encode(MemorySegment x, MemorySegment indices, MemorySegment values) {
    Arguments.expectFloats("x", x, config.dIn());
    Workspace space = takeOne();
    try {
      copy(x, space.input());
      int count = encodeOne(space);
      Arguments.expectRoom("indices", indices.byteSize() / Integer.BYTES, count);
      Arguments.expectRoom("values", values.byteSize() / Float.BYTES, count);
      SparseCodes codes = space.codes();
      MemorySegment.copy(codes.indices(), 0, indices, 0, (long) count * Integer.BYTES);
      MemorySegment.copy(codes.values(), 0, values, 0, (long) count * Float.BYTES);
      return count;
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Encodes one row.
   *
   * @param x {@code [d_in]}, finite
   * @return its code
   * @throws IllegalArgumentException if the length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public SparseCode encode(float[] x) {
    Arguments.expectLength("x", x.length, config.dIn());
    return encode(new float[][] {x})[0];
  }

  /**
   * Encodes rows.
   *
   * @param x {@code [rows][d_in]}, finite
   * @return their codes
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public SparseCode[] encode(float[][] x) {
    SparseCode[] codes = new SparseCode[x.length];
    inChunks(
        x.length,
        (first, count, space) -> {
          load(x, first, count, space.input());
          pass.encode(first, space.input(), space.codes(), space);
          for (int i = 0; i < count; i++) {
            codes[first + i] = read(space.codes(), i);
          }
        });
    return codes;
  }

  /**
   * Decodes one row from its code alone.
   *
   * @param code indices ascending, in {@code [0, d_sae)}
   * @return x̂ {@code [d_out]}
   * @throws IllegalArgumentException if an index is wrong
   * @throws UnsupportedOperationException if {@link #decodingNeedsRows}
   */
  public float[] decode(SparseCode code) {
    float[] out = new float[config.dOut()];
    decode(code.length(), code.indices(), code.values(), out);
    return out;
  }

  /**
   * Decodes one row.
   *
   * @param code indices ascending, in {@code [0, d_sae)}
   * @param x the row that was encoded {@code [d_in]}
   * @return x̂ {@code [d_out]}
   * @throws IllegalArgumentException if an index or a length is wrong
   */
  public float[] decode(SparseCode code, float[] x) {
    float[] out = new float[config.dOut()];
    decode(code.length(), code.indices(), code.values(), x, out);
    return out;
  }

  /**
   * Decodes one row from its code alone, without allocating.
   *
   * @param count number of latents
   * @param indices holds them, ascending
   * @param values holds their activations
   * @param out receives x̂ {@code [d_out]}
   * @throws IllegalArgumentException if an index or a length is wrong
   * @throws UnsupportedOperationException if {@link #decodingNeedsRows}
   */
  public void decode(int count, int[] indices, float[] values, float[] out) {
    Arguments.expectRoom("indices", indices.length, count);
    Arguments.expectRoom("values", values.length, count);
    Arguments.expectLength("out", out.length, config.dOut());
    Arguments.expectAscending(count, indices, config.dSae());
    expectNoRowsNeeded();
    Workspace space = takeOne();
    try {
      space.codes().setRow(0, count, indices, values, 0);
      device.decode(space.codes(), weights.wDec(), weights.bDec(), space.output());
      space.output().read(0, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Decodes one row without allocating.
   *
   * @param count number of latents
   * @param indices holds them, ascending
   * @param values holds their activations
   * @param x the row that was encoded {@code [d_in]}
   * @param out receives x̂ {@code [d_out]}; may be {@code x}
   * @throws IllegalArgumentException if an index or a length is wrong
   */
  public void decode(int count, int[] indices, float[] values, float[] x, float[] out) {
    Arguments.expectRoom("indices", indices.length, count);
    Arguments.expectRoom("values", values.length, count);
    Arguments.expectLength("x", x.length, config.dIn());
    Arguments.expectLength("out", out.length, config.dOut());
    Arguments.expectAscending(count, indices, config.dSae());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      space.codes().setRow(0, count, indices, values, 0);
      pass.decodeAlone(space.codes(), space.input(), space.output(), space);
      space.output().read(0, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Decodes one row from its code alone, without allocating.
   *
   * @param count number of latents
   * @param indices holds them as native ints, ascending
   * @param values holds their activations as native floats
   * @param out receives x̂ {@code [d_out]} as native floats
   * @throws IllegalArgumentException if an index or a size is wrong
   * @throws UnsupportedOperationException if {@link #decodingNeedsRows}
   */
  public void decode(int count, MemorySegment indices, MemorySegment values, MemorySegment out) {
    expectNoRowsNeeded();
    expectCode(count, indices, values, out);
    Workspace space = takeOne();
    try {
      copy(count, indices, values, space.codes());
      device.decode(space.codes(), weights.wDec(), weights.bDec(), space.output());
      copy(space.output(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Decodes one row without allocating.
   *
   * @param count number of latents
   * @param indices holds them as native ints, ascending
   * @param values holds their activations as native floats
   * @param x the row that was encoded {@code [d_in]}, native floats
   * @param out receives x̂ {@code [d_out]} as native floats; may be {@code x}
   * @throws IllegalArgumentException if an index or a size is wrong
   */
  public void decode(
      int count, MemorySegment indices, MemorySegment values, MemorySegment x, MemorySegment out) {
    Arguments.expectFloats("x", x, config.dIn());
    expectCode(count, indices, values, out);
    Workspace space = takeOne();
    try {
      copy(count, indices, values, space.codes());
      copy(x, space.input());
      pass.decodeAlone(space.codes(), space.input(), space.output(), space);
      copy(space.output(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Encodes and decodes one row without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param out receives x̂ {@code [d_out]}; may be {@code x}
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void reconstruct(float[] x, float[] out) {
    Arguments.expectLength("x", x.length, config.dIn());
    Arguments.expectLength("out", out.length, config.dOut());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      pass.reconstruct(0, space.input(), space.output(), space);
      space.output().read(0, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Encodes and decodes one row without allocating.
   *
   * @param x {@code [d_in]} native floats, finite
   * @param out receives x̂ {@code [d_out]} as native floats; may be {@code x}
   * @throws IllegalArgumentException if a size is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void reconstruct(MemorySegment x, MemorySegment out) {
    Arguments.expectFloats("x", x, config.dIn());
    Arguments.expectFloats("out", out, config.dOut());
    Workspace space = takeOne();
    try {
      copy(x, space.input());
      pass.reconstruct(0, space.input(), space.output(), space);
      copy(space.output(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Encodes and decodes one row.
   *
   * @param x {@code [d_in]}, finite
   * @return x̂ {@code [d_out]}
   * @throws IllegalArgumentException if the length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public float[] reconstruct(float[] x) {
    float[] out = new float[config.dOut()];
    reconstruct(x, out);
    return out;
  }

  /**
   * Encodes and decodes rows.
   *
   * @param x {@code [rows][d_in]}, finite
   * @return x̂ {@code [rows][d_out]}
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public float[][] reconstruct(float[][] x) {
    float[][] out = new float[x.length][config.dOut()];
    inChunks(
        x.length,
        (first, count, space) -> {
          load(x, first, count, space.input());
          pass.reconstruct(first, space.input(), space.output(), space);
          for (int i = 0; i < count; i++) {
            space.output().read(i, 1, out[first + i], 0);
          }
        });
    return out;
  }

  /**
   * The error of a batch.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param target what the output stands for {@code [rows, d_out]}: {@code x} itself, or of a
   *     transcoder the activations that it reconstructs
   * @param out receives target − x̂ {@code [rows, d_out]}; may be {@code x} or {@code target}
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void error(Matrix x, Matrix target, Matrix out) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    Shapes.expect("target", target, x.rows(), config.dOut());
    Shapes.expect("out", out, x.rows(), config.dOut());
    inChunks(
        x.rows(),
        (first, count, space) ->
            pass.error(
                first,
                x.rows(first, count),
                target.rows(first, count),
                out.rows(first, count),
                space));
  }

  /**
   * The error of one row, without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param target what the output stands for {@code [d_out]}: {@code x} itself, or of a transcoder
   *     the activations that it reconstructs
   * @param out receives target − x̂ {@code [d_out]}; may be {@code x} or {@code target}
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void error(float[] x, float[] target, float[] out) {
    Arguments.expectLength("x", x.length, config.dIn());
    Arguments.expectLength("target", target.length, config.dOut());
    Arguments.expectLength("out", out.length, config.dOut());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      space.target().write(0, 1, target, 0);
      pass.error(0, space.input(), space.target(), space.target(), space);
      space.target().read(0, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * The error of one row, without allocating.
   *
   * @param x {@code [d_in]} native floats, finite
   * @param target what the output stands for {@code [d_out]}, native floats: {@code x} itself, or
   *     of a transcoder the activations that it reconstructs
   * @param out receives target − x̂ {@code [d_out]} as native floats; may be {@code x} or {@code
   *     target}
   * @throws IllegalArgumentException if a size is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void error(MemorySegment x, MemorySegment target, MemorySegment out) {
    Arguments.expectFloats("x", x, config.dIn());
    Arguments.expectFloats("target", target, config.dOut());
    Arguments.expectFloats("out", out, config.dOut());
    Workspace space = takeOne();
    try {
      copy(x, space.input());
      copy(target, space.target());
      pass.error(0, space.input(), space.target(), space.target(), space);
      copy(space.target(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * The error of one row of an autoencoder.
   *
   * @param x {@code [d_in]}, finite
   * @return target − x̂ {@code [d_in]}
   * @throws IllegalArgumentException if the length is wrong, or this is a transcoder, which needs a
   *     target
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public float[] error(float[] x) {
    expectAutoencoder();
    float[] out = new float[config.dOut()];
    error(x, x, out);
    return out;
  }

  /**
   * The error of rows of an autoencoder.
   *
   * @param x {@code [rows][d_in]}, finite
   * @return target − x̂ {@code [rows][d_in]}
   * @throws IllegalArgumentException if a length is wrong, or this is a transcoder, which needs
   *     targets
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public float[][] error(float[][] x) {
    expectAutoencoder();
    float[][] out = new float[x.length][config.dOut()];
    inChunks(
        x.length,
        (first, count, space) -> {
          load(x, first, count, space.input());
          load(x, first, count, space.target());
          pass.error(first, space.input(), space.target(), space.target(), space);
          for (int i = 0; i < count; i++) {
            space.target().read(i, 1, out[first + i], 0);
          }
        });
    return out;
  }

  /**
   * Edits latents of a batch and keeps the error.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param target what the output stands for {@code [rows, d_out]}: {@code x} itself, or of a
   *     transcoder the activations that it reconstructs
   * @param edits what to do to which latents
   * @param out receives the edited rows {@code [rows, d_out]}; may be {@code x} or {@code target}
   * @throws IllegalArgumentException if a shape or an edit is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void edit(Matrix x, Matrix target, LatentEdits edits, Matrix out) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    Shapes.expect("target", target, x.rows(), config.dOut());
    Shapes.expect("out", out, x.rows(), config.dOut());
    edits.expectWithin(config.dSae());
    inChunks(
        x.rows(),
        (first, count, space) ->
            pass.edit(
                first,
                x.rows(first, count),
                target.rows(first, count),
                edits,
                out.rows(first, count),
                space));
  }

  /**
   * Edits latents of one row and keeps the error, without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param target what the output stands for {@code [d_out]}: {@code x} itself, or of a transcoder
   *     the activations that it reconstructs
   * @param edits what to do to which latents
   * @param out receives the edited rows {@code [d_out]}; may be {@code x} or {@code target}
   * @throws IllegalArgumentException if a length or an edit is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void edit(float[] x, float[] target, LatentEdits edits, float[] out) {
    Arguments.expectLength("x", x.length, config.dIn());
    Arguments.expectLength("target", target.length, config.dOut());
    Arguments.expectLength("out", out.length, config.dOut());
    edits.expectWithin(config.dSae());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      space.target().write(0, 1, target, 0);
      pass.edit(0, space.input(), space.target(), edits, space.target(), space);
      space.target().read(0, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Edits latents of one row and keeps the error, without allocating.
   *
   * @param x {@code [d_in]} native floats, finite
   * @param target what the output stands for {@code [d_out]}, native floats: {@code x} itself, or
   *     of a transcoder the activations that it reconstructs
   * @param edits what to do to which latents
   * @param out receives the edited rows {@code [d_out]} as native floats; may be {@code x} or
   *     {@code target}
   * @throws IllegalArgumentException if a size or an edit is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void edit(MemorySegment x, MemorySegment target, LatentEdits edits, MemorySegment out) {
    Arguments.expectFloats("x", x, config.dIn());
    Arguments.expectFloats("target", target, config.dOut());
    Arguments.expectFloats("out", out, config.dOut());
    edits.expectWithin(config.dSae());
    Workspace space = takeOne();
    try {
      copy(x, space.input());
      copy(target, space.target());
      pass.edit(0, space.input(), space.target(), edits, space.target(), space);
      copy(space.target(), out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    } finally {
      workspaces.giveBack(space);
    }
  }

  /**
   * Edits latents of one row of an autoencoder and keeps the error.
   *
   * @param x {@code [d_in]}, finite
   * @param edits what to do to which latents
   * @return the edited rows {@code [d_in]}
   * @throws IllegalArgumentException if the length or an edit is wrong, or this is a transcoder,
   *     which needs a target
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public float[] edit(float[] x, LatentEdits edits) {
    expectAutoencoder();
    float[] out = new float[config.dOut()];
    edit(x, x, edits, out);
    return out;
  }

  /**
   * Edits latents of rows of an autoencoder and keeps the error.
   *
   * @param x {@code [rows][d_in]}, finite
   * @param edits what to do to which latents
   * @return the edited rows {@code [rows][d_in]}
   * @throws IllegalArgumentException if a length or an edit is wrong, or this is a transcoder,
   *     which needs targets
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public float[][] edit(float[][] x, LatentEdits edits) {
    expectAutoencoder();
    edits.expectWithin(config.dSae());
    float[][] out = new float[x.length][config.dOut()];
    inChunks(
        x.length,
        (first, count, space) -> {
          load(x, first, count, space.input());
          load(x, first, count, space.target());
          pass.edit(first, space.input(), space.target(), edits, space.target(), space);
          for (int i = 0; i < count; i++) {
            space.target().read(i, 1, out[first + i], 0);
          }
        });
    return out;
  }

  /**
   * A latent's row of the encoder: the direction that it detects.
   *
   * @param latent in {@code [0, d_sae)}
   * @return {@code [d_in]}
   */
  public float[] encoderDirection(int latent) {
    float[] row = new float[config.dIn()];
    encoderDirection(latent, row);
    return row;
  }

  /**
   * The same without allocating.
   *
   * @param latent in {@code [0, d_sae)}
   * @param out receives {@code [d_in]}
   * @throws IllegalArgumentException if there is no such latent or the length is wrong
   */
  public void encoderDirection(int latent, float[] out) {
    Arguments.expectLatent(latent, config.dSae());
    Arguments.expectLength("out", out.length, config.dIn());
    checkOpen();
    try {
      weights.readEncoder(latent, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /**
   * A latent's row of the decoder: its contribution to the output per unit of activation.
   *
   * @param latent in {@code [0, d_sae)}
   * @return {@code [d_out]}
   */
  public float[] decoderDirection(int latent) {
    float[] row = new float[config.dOut()];
    decoderDirection(latent, row);
    return row;
  }

  /**
   * The same without allocating.
   *
   * @param latent in {@code [0, d_sae)}
   * @param out receives {@code [d_out]}
   * @throws IllegalArgumentException if there is no such latent or the length is wrong
   */
  public void decoderDirection(int latent, float[] out) {
    Arguments.expectLatent(latent, config.dSae());
    Arguments.expectLength("out", out.length, config.dOut());
    checkOpen();
    try {
      weights.wDec().read(latent, 1, out, 0);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /** Frees the weights; a second call does nothing. */
  @Override
  public void close() {
    closed = true;
    encoder.close();
    weights.close();
  }

  private int encodeOne(Workspace space) {
    pass.encode(0, space.input(), space.codes(), space);
    return space.codes().length(0);
  }

  private void load(float[][] x, int first, int count, Matrix target) {
    for (int i = 0; i < count; i++) {
      Arguments.expectLength("x[" + (first + i) + "]", x[first + i].length, config.dIn());
      target.write(i, 1, x[first + i], 0);
    }
  }

  private static void copy(MemorySegment row, Matrix target) {
    MemorySegment.copy(row, 0, target.segment(), target.rowOffset(0), row.byteSize());
  }

  private static void copy(Matrix row, MemorySegment target) {
    MemorySegment.copy(row.segment(), row.rowOffset(0), target, 0, target.byteSize());
  }

  private void expectCode(
      int count, MemorySegment indices, MemorySegment values, MemorySegment out) {
    Arguments.expectRoom("indices", indices.byteSize() / Integer.BYTES, count);
    Arguments.expectRoom("values", values.byteSize() / Float.BYTES, count);
    Arguments.expectFloats("out", out, config.dOut());
    Arguments.expectAscending(count, indices, config.dSae());
  }

  private static void copy(
      int count, MemorySegment indices, MemorySegment values, SparseCodes codes) {
    codes.equalRows(count);
    MemorySegment.copy(indices, 0, codes.indices(), 0, (long) count * Integer.BYTES);
    MemorySegment.copy(values, 0, codes.values(), 0, (long) count * Float.BYTES);
  }

  private static SparseCode read(SparseCodes codes, int row) {
    int count = codes.length(row);
    SparseCode code = new SparseCode(new int[count], new float[count]);
    for (int slot = 0; slot < count; slot++) {
      code.indices()[slot] = codes.index(row, slot);
      code.values()[slot] = codes.value(row, slot);
    }
    return code;
  }

  /** Work on {@code count} rows from {@code first} on, with scratch for exactly that many. */
  private interface Chunk {
    void run(int first, int count, Workspace space);
  }

  /** Processes rows in chunks so that scratch does not grow with their number. */
  private void inChunks(int rows, Chunk chunk) {
    checkOpen();
    if (rows == 0) {
      return;
    }
    try {
      Workspace space = workspaces.take(rows);
      try {
        for (int first = 0; first < rows; first += space.rows()) {
          int count = Math.min(space.rows(), rows - first);
          chunk.run(first, count, space.firstRows(count));
        }
      } finally {
        workspaces.giveBack(space);
      }
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  private Workspace takeOne() {
    checkOpen();
    try {
      return workspaces.take(1);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(CLOSED);
    }
  }

  /** If another thread frees the memory during a call, the memory throws. */
  private IllegalStateException ifClosed(IllegalStateException e) {
    return closed && !CLOSED.equals(e.getMessage()) ? new IllegalStateException(CLOSED, e) : e;
  }

  private void expectAutoencoder() {
    Shapes.expect(
        !config.transcoder(), "target", "the rows that a transcoder's output stands for", "none");
  }

  private void expectNoRowsNeeded() {
    if (decodingNeedsRows()) {
      throw new UnsupportedOperationException(
          (pass.undoes()
                  ? "this SAE normalises its rows (" + config.normalization() + ")"
                  : "this SAE has a skip connection")
              + ": decoding needs the rows that were encoded");
    }
  }
}
