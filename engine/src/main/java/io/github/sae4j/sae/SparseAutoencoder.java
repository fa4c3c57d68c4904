package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.NonFiniteException;
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
 * {@code x Sᵀ}. {@link #reconstruct} does all of it; to decode alone, such an SAE needs the rows
 * that were encoded.
 *
 * <p>There are three forms of every method: off-heap matrices of the device's memory for batches
 * ({@link Device#openMemory()}), arrays that are allocated for the result, and arrays or segments
 * of one row that the caller brings. The first and the last allocate nothing once warm.
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
  private final Workspaces workspaces;
  private final boolean normalizes;
  private final boolean undoes;
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
    Shapes.expect("W_enc", weights.wEnc(), config.dSae(), config.dIn());
    Shapes.expect("W_dec", weights.wDec(), config.dSae(), config.dOut());
    normalizes = config.normalization() != InputNormalization.NONE;
    undoes = normalizes && !config.transcoder();
    Shapes.expect(
        !normalizes || weights.wSkip() == null,
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
            config.activation());
    weights.leaveEncoderTo(encoder);
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
   * Whether decoding needs the rows that were encoded: to undo their normalisation, or for the skip
   * connection.
   *
   * @return false if a code is enough
   */
  public boolean decodingNeedsRows() {
    return undoes || weights.wSkip() != null;
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
    expectRows("codes", out.rows(), x.rows());
    if (normalizes) {
      inChunks(
          x.rows(),
          (first, count, space) ->
              encodeChunk(first, x.rows(first, count), out.rows(first, count), space));
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
          if (undoes) {
            config.normalization().apply(rows, space.input(), space.scales(), space.shifts());
          }
          decodeChunk(codes.rows(first, count), rows, out.rows(first, count), space);
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
        (first, count, space) -> {
          Matrix rows = x.rows(first, count);
          encodeChunk(first, rows, space.codes(), space);
          decodeChunk(space.codes(), rows, out.rows(first, count), space);
        });
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
    expectLength("x", x.length, config.dIn());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      int count = encodeOne(space);
      expectRoom("indices", indices.length, count);
      expectRoom("values", values.length, count);
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
    expectFloats("x", x, config.dIn());
    Workspace space = takeOne();
    try {
      load(x, space);
      int count = encodeOne(space);
      expectRoom("indices", indices.byteSize() / Integer.BYTES, count);
      expectRoom("values", values.byteSize() / Float.BYTES, count);
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
    expectLength("x", x.length, config.dIn());
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
          encodeChunk(first, space.input(), space.codes(), space);
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
    expectLength("x", x.length, config.dIn());
    expectAscending(code.length(), code.indices());
    float[] out = new float[config.dOut()];
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      space.codes().setRow(0, code.length(), code.indices(), code.values(), 0);
      if (undoes) {
        normalize(space.input(), space);
      }
      decodeChunk(space.codes(), space.input(), space.output(), space);
      space.output().read(0, 1, out, 0);
      return out;
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
   * @param indices holds them, ascending
   * @param values holds their activations
   * @param out receives x̂ {@code [d_out]}
   * @throws IllegalArgumentException if an index or a length is wrong
   * @throws UnsupportedOperationException if {@link #decodingNeedsRows}
   */
  public void decode(int count, int[] indices, float[] values, float[] out) {
    expectRoom("indices", indices.length, count);
    expectRoom("values", values.length, count);
    expectLength("out", out.length, config.dOut());
    expectAscending(count, indices);
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
   * Encodes and decodes one row without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param out receives x̂ {@code [d_out]}; may be {@code x}
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void reconstruct(float[] x, float[] out) {
    expectLength("x", x.length, config.dIn());
    expectLength("out", out.length, config.dOut());
    Workspace space = takeOne();
    try {
      space.input().write(0, 1, x, 0);
      reconstructOne(space);
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
    expectFloats("x", x, config.dIn());
    expectFloats("out", out, config.dOut());
    Workspace space = takeOne();
    try {
      load(x, space);
      reconstructOne(space);
      MemorySegment.copy(
          space.output().segment(), space.output().rowOffset(0), out, 0, out.byteSize());
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
          encodeChunk(first, space.input(), space.codes(), space);
          decodeChunk(space.codes(), space.input(), space.output(), space);
          for (int i = 0; i < count; i++) {
            space.output().read(i, 1, out[first + i], 0);
          }
        });
    return out;
  }

  /**
   * What a latent looks for: its row of the encoder.
   *
   * @param latent in {@code [0, d_sae)}
   * @return {@code [d_in]}
   */
  public float[] encoderDirection(int latent) {
    expectLatent(latent);
    checkOpen();
    try {
      float[] row = new float[config.dIn()];
      weights.readEncoder(latent, 1, row, 0);
      return row;
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
    expectLatent(latent);
    checkOpen();
    try {
      float[] row = new float[config.dOut()];
      weights.wDec().read(latent, 1, row, 0);
      return row;
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

  /** Encodes the rows of a chunk; what undoes their normalisation stays in the workspace. */
  private void encodeChunk(int first, Matrix x, SparseCodes out, Workspace space) {
    try {
      encoder.encode(normalizes ? normalize(x, space) : x, out);
    } catch (NonFiniteException e) {
      throw e.shifted(first);
    }
  }

  private Matrix normalize(Matrix x, Workspace space) {
    config.normalization().apply(x, space.input(), space.scales(), space.shifts());
    return space.input();
  }

  /** Decodes the codes of a chunk, whose rows x were normalised with this workspace. */
  private void decodeChunk(SparseCodes codes, Matrix x, Matrix out, Workspace space) {
    Matrix skipped = space.skipped();
    if (skipped != null) {
      // First, because out may be x.
      device.product(x, false, weights.wSkip(), true, skipped);
    }
    device.decode(codes, weights.wDec(), weights.bDec(), out);
    if (skipped != null) {
      device.add(out, skipped);
    }
    if (undoes) {
      device.scaleRows(out, space.scales(), space.shifts());
    }
  }

  private int encodeOne(Workspace space) {
    encodeChunk(0, space.input(), space.codes(), space);
    return space.codes().length(0);
  }

  private void reconstructOne(Workspace space) {
    encodeChunk(0, space.input(), space.codes(), space);
    decodeChunk(space.codes(), space.input(), space.output(), space);
  }

  private void load(float[][] x, int first, int count, Matrix target) {
    for (int i = 0; i < count; i++) {
      expectLength("x[" + (first + i) + "]", x[first + i].length, config.dIn());
      target.write(i, 1, x[first + i], 0);
    }
  }

  private static void load(MemorySegment x, Workspace space) {
    Matrix input = space.input();
    MemorySegment.copy(x, 0, input.segment(), input.rowOffset(0), x.byteSize());
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

  private void expectNoRowsNeeded() {
    if (decodingNeedsRows()) {
      throw new UnsupportedOperationException(
          (undoes
                  ? "this SAE normalises its rows (" + config.normalization() + ")"
                  : "this SAE has a skip connection")
              + ": decoding needs the rows that were encoded");
    }
  }

  private static void expectRows(String name, int rows, int expected) {
    Shapes.expect(rows == expected, name, expected + " rows", rows);
  }

  private static void expectLength(String name, int length, int expected) {
    Shapes.expect(length == expected, name, expected + " numbers", length);
  }

  private static void expectFloats(String name, MemorySegment segment, int expected) {
    long bytes = (long) expected * Float.BYTES;
    Shapes.expect(segment.byteSize() == bytes, name, bytes + " bytes", segment.byteSize());
  }

  private static void expectRoom(String name, long length, int needed) {
    Shapes.expect(length >= needed, name, "room for " + needed + " latents", length);
  }

  private void expectLatent(int latent) {
    Shapes.expect(
        latent >= 0 && latent < config.dSae(), "latent", "0 to " + (config.dSae() - 1), latent);
  }

  private void expectAscending(int count, int[] indices) {
    int before = -1;
    for (int slot = 0; slot < count; slot++) {
      int index = indices[slot];
      Shapes.expect(
          index > before && index < config.dSae(),
          "indices",
          "ascending within [0, " + config.dSae() + ")",
          index + " after " + before);
      before = index;
    }
  }
}
