package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.kernels.InputNormalization;
import io.github.sae4j.kernels.NonFiniteException;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.sae.Workspaces.Workspace;
import java.util.Objects;

/**
 * A trained TopK sparse autoencoder, ready to encode and decode. It owns its weights, not the
 * device.
 *
 * <p>For a row x: {@code pre = (x − b_dec) W_encᵀ + b_enc}, the k largest of which (numerics rule
 * 10), cut at 0, are the code a; {@code x̂ = Σ a_i W_dec[i] + b_dec}. Where the SAE normalises its
 * rows ({@link InputNormalization}), x is the normalised row and x̂ is brought back; decoding then
 * needs the {@link RowFactors} that encoding gave. {@link #reconstruct} does both.
 *
 * <p>All methods may be called from any number of threads at once. After {@link #close()} they
 * throw {@link IllegalStateException}, and so do calls that are running when it is closed. Matrices
 * given to it must lie in memory that its device can work on ({@link Device#openMemory()}).
 */
public final class TopKSae implements AutoCloseable {
  private static final String CLOSED = "this SAE is closed";

  private final Device device;
  private final SaeConfig config;
  private final SaeWeights weights;
  private final Encoder encoder;
  private final Workspaces workspaces;
  private volatile boolean closed;

  /**
   * An SAE of given weights.
   *
   * @param device runs it; must stay open as long as this SAE
   * @param config what it computes
   * @param weights everything folded, in the device's memory; owned by the SAE from here on
   * @throws IllegalArgumentException if shapes differ from the configuration's
   */
  public TopKSae(Device device, SaeConfig config, SaeWeights weights) {
    Shapes.expect("W_enc", weights.wEnc(), config.dSae(), config.dIn());
    this.device = Objects.requireNonNull(device, "device");
    this.config = config;
    this.weights = weights;
    Matrix subtracted = config.applyBDecToInput() ? weights.bDec() : null;
    encoder =
        device.encoder(
            new EncoderWeights(weights.wEnc(), weights.bEnc(), subtracted, null),
            Ranked.topK(config.k(), config.selection()));
    workspaces = new Workspaces(weights.memory(), config);
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
   * Its weights, for reading; they die with the SAE.
   *
   * @return the weights
   */
  public SaeWeights weights() {
    return weights;
  }

  /**
   * What runs it.
   *
   * @return the device
   */
  public Device device() {
    return device;
  }

  /**
   * Encodes a batch without allocating.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param out receives k latents per row, ascending, and their activations, at least 0
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void encode(Matrix x, SparseCodes out) {
    encode(x, out, null);
  }

  /**
   * Encodes a batch and keeps what is needed to decode it again.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param out receives k latents per row
   * @param factors receives the factors of {@code rows} rows; or null if nothing will be decoded
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void encode(Matrix x, SparseCodes out, RowFactors factors) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    expectCodes(out, x.rows());
    expectFactors(factors, x.rows());
    checkOpen();
    try {
      encodeBatch(x, out, factors);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /**
   * Decodes a batch of an SAE that does not normalise its rows.
   *
   * @param codes rows of any lengths, indices ascending
   * @param out receives {@code [rows, d_in]}
   * @throws IllegalArgumentException if a shape or an index is wrong
   * @throws UnsupportedOperationException if the SAE normalises its rows
   */
  public void decode(SparseCodes codes, Matrix out) {
    expectUnnormalized();
    decode(codes, null, out);
  }

  /**
   * Decodes a batch.
   *
   * @param codes rows of any lengths, indices ascending
   * @param factors what {@link #encode(Matrix, SparseCodes, RowFactors)} gave for these rows; or
   *     null to leave the rows normalised
   * @param out receives {@code [rows, d_in]}
   * @throws IllegalArgumentException if a shape or an index is wrong
   */
  public void decode(SparseCodes codes, RowFactors factors, Matrix out) {
    Shapes.expect("out", out, codes.rows(), config.dIn());
    expectFactors(factors, codes.rows());
    checkOpen();
    try {
      decodeBatch(codes, factors, out);
    } catch (IllegalStateException e) {
      throw ifClosed(e);
    }
  }

  /**
   * Encodes and decodes a batch.
   *
   * @param x {@code [rows, d_in]}, finite
   * @param out receives x̂ {@code [rows, d_in]}; may be {@code x}
   * @throws IllegalArgumentException if a shape is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public void reconstruct(Matrix x, Matrix out) {
    Shapes.expect("x", x, x.rows(), config.dIn());
    Shapes.expect("out", out, x.rows(), config.dIn());
    inChunks(
        x.rows(),
        (first, count, space) -> {
          encodeChunk(first, x.rows(first, count), space);
          decodeBatch(space.codes(), space.factors(), out.rows(first, count));
        });
  }

  /**
   * Encodes one row without allocating.
   *
   * @param x {@code [d_in]}, finite
   * @param indices receives the k latents, ascending
   * @param values receives their activations
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public void encode(float[] x, int[] indices, float[] values) {
    expectLength("x", x.length, config.dIn());
    expectLength("indices", indices.length, config.k());
    expectLength("values", values.length, config.k());
    checkOpen();
    try {
      Workspace space = workspaces.take(1);
      try {
        space.input().write(0, 1, x, 0);
        encodeBatch(space.input(), space.codes(), null);
        read(space.codes(), 0, indices, values);
      } finally {
        workspaces.giveBack(space);
      }
    } catch (IllegalStateException e) {
      throw ifClosed(e);
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
    SparseCode code = new SparseCode(new int[config.k()], new float[config.k()]);
    encode(x, code.indices(), code.values());
    return code;
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
          encodeChunk(first, space.input(), space);
          for (int i = 0; i < count; i++) {
            SparseCode code = new SparseCode(new int[config.k()], new float[config.k()]);
            read(space.codes(), i, code.indices(), code.values());
            codes[first + i] = code;
          }
        });
    return codes;
  }

  /**
   * Decodes one row of an SAE that does not normalise its rows.
   *
   * @param code indices ascending, in {@code [0, d_sae)}
   * @return x̂ {@code [d_in]}
   * @throws IllegalArgumentException if there are more than k codes or an index is wrong
   * @throws UnsupportedOperationException if the SAE normalises its rows
   */
  public float[] decode(SparseCode code) {
    int given = code.indices().length;
    if (given > config.k()) {
      throw new IllegalArgumentException(
          "code: expected at most k = " + config.k() + " latents, got " + given);
    }
    expectAscending(code.indices());
    expectUnnormalized();
    float[] out = new float[config.dIn()];
    inChunks(
        1,
        (_, _, space) -> {
          space.codes().setRow(0, given, code.indices(), code.values(), 0);
          decodeBatch(space.codes(), null, space.output());
          space.output().read(0, 1, out, 0);
        });
    return out;
  }

  /**
   * Encodes and decodes one row.
   *
   * @param x {@code [d_in]}, finite
   * @return x̂ {@code [d_in]}
   * @throws IllegalArgumentException if the length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite
   */
  public float[] reconstruct(float[] x) {
    return reconstruct(new float[][] {x})[0];
  }

  /**
   * Encodes and decodes rows.
   *
   * @param x {@code [rows][d_in]}, finite
   * @return x̂ {@code [rows][d_in]}
   * @throws IllegalArgumentException if a length is wrong
   * @throws NonFiniteException if a pre-activation is NaN or infinite; names the row
   */
  public float[][] reconstruct(float[][] x) {
    float[][] out = new float[x.length][config.dIn()];
    inChunks(
        x.length,
        (first, count, space) -> {
          load(x, first, count, space.input());
          encodeChunk(first, space.input(), space);
          decodeBatch(space.codes(), space.factors(), space.output());
          for (int i = 0; i < count; i++) {
            space.output().read(i, 1, out[first + i], 0);
          }
        });
    return out;
  }

  /** Frees the weights; a second call does nothing. */
  @Override
  public void close() {
    closed = true;
    encoder.close();
    weights.close();
  }

  private void encodeBatch(Matrix x, SparseCodes out, RowFactors factors) {
    if (config.normalization() == InputNormalization.NONE) {
      encoder.encode(x, out);
      if (factors != null) {
        factors.scales().fill(1f);
        factors.shifts().fill(0f);
      }
      return;
    }
    inChunks(
        x.rows(),
        (first, count, space) -> {
          Matrix normalized = space.input();
          Matrix scales = space.factors().scales();
          Matrix shifts = space.factors().shifts();
          config.normalization().apply(x.rows(first, count), normalized, scales, shifts);
          try {
            encoder.encode(normalized, out.rows(first, count));
          } catch (NonFiniteException e) {
            throw e.shifted(first);
          }
          for (int i = 0; factors != null && i < count; i++) {
            factors.scales().set(0, first + i, scales.get(0, i));
            factors.shifts().set(0, first + i, shifts.get(0, i));
          }
        });
  }

  private void decodeBatch(SparseCodes codes, RowFactors factors, Matrix out) {
    device.decode(codes, weights.wDec(), weights.bDec(), out);
    if (config.normalization() != InputNormalization.NONE && factors != null) {
      device.scaleRows(out, factors.scales(), factors.shifts());
    }
  }

  /** Encodes a chunk into its workspace; an error names the row of the whole batch. */
  private void encodeChunk(int first, Matrix x, Workspace space) {
    try {
      encodeBatch(x, space.codes(), space.factors());
    } catch (NonFiniteException e) {
      throw e.shifted(first);
    }
  }

  private void load(float[][] x, int first, int count, Matrix target) {
    for (int i = 0; i < count; i++) {
      expectLength("x[" + (first + i) + "]", x[first + i].length, config.dIn());
      target.write(i, 1, x[first + i], 0);
    }
  }

  private static void read(SparseCodes codes, int row, int[] indices, float[] values) {
    for (int slot = 0; slot < indices.length; slot++) {
      indices[slot] = codes.index(row, slot);
      values[slot] = codes.value(row, slot);
    }
  }

  /** Work on {@code count} rows from {@code first} on, with scratch for exactly so many. */
  private interface Chunk {
    void run(int first, int count, Workspace space);
  }

  /** Goes through rows so that scratch does not grow with their number. */
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

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(CLOSED);
    }
  }

  /** Memory that another thread frees during a call shows as an exception of that memory. */
  private IllegalStateException ifClosed(IllegalStateException e) {
    return closed && !CLOSED.equals(e.getMessage()) ? new IllegalStateException(CLOSED, e) : e;
  }

  private void expectUnnormalized() {
    if (config.normalization() != InputNormalization.NONE) {
      throw new UnsupportedOperationException(
          "this SAE normalises its rows ("
              + config.normalization()
              + "): decoding needs the factors that encoding gave");
    }
  }

  private void expectCodes(SparseCodes codes, int rows) {
    Shapes.expect(codes.rows() == rows, "codes", rows + " rows", codes);
  }

  private static void expectFactors(RowFactors factors, int rows) {
    if (factors != null) {
      Shapes.expect(factors.rows() == rows, "factors", rows + " rows", factors.rows());
    }
  }

  private static void expectLength(String name, int length, int expected) {
    Shapes.expect(length == expected, name, expected + " numbers", length);
  }

  private void expectAscending(int[] indices) {
    int before = -1;
    for (int index : indices) {
      Shapes.expect(
          index > before && index < config.dSae(),
          "indices",
          "ascending within [0, " + config.dSae() + ")",
          index + " after " + before);
      before = index;
    }
  }
}
