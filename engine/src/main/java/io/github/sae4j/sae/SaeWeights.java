package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Encoder;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/**
 * The weights of an SAE and the device memory that holds them: encoder {@code [d_sae, d_in]} and
 * decoder {@code [d_sae, d_out]}, whatever a file's layout is. In tied weights both are one matrix.
 *
 * <p>A served SAE may keep its encoder only in the form that its device reads fastest; then {@link
 * #wEnc} is no longer available, and {@link #readEncoder} returns its rows, with the same bits.
 */
public final class SaeWeights implements AutoCloseable {
  private final OffHeap memory;
  private final OffHeap encoderMemory;
  private volatile Matrix wEnc;
  private final Matrix bEnc;
  private final Matrix wDec;
  private final Matrix bDec;
  private final Matrix wSkip;
  private final int dIn;
  private volatile Encoder keeper;

  /**
   * Weights without a skip connection, in memory that the caller has allocated.
   *
   * @param memory closed with the weights
   * @param wEnc encoder {@code [d_sae, d_in]}
   * @param bEnc encoder bias {@code [1, d_sae]}
   * @param wDec decoder {@code [d_sae, d_out]}
   * @param bDec decoder bias {@code [1, d_out]}
   */
  public SaeWeights(OffHeap memory, Matrix wEnc, Matrix bEnc, Matrix wDec, Matrix bDec) {
    this(memory, null, wEnc, bEnc, wDec, bDec, null);
  }

  /**
   * Weights in memory that is the caller's until they are closed, with a skip connection.
   *
   * @param memory freed with the weights
   * @param wEnc encoder {@code [d_sae, d_in]}
   * @param bEnc encoder bias {@code [1, d_sae]}
   * @param wDec decoder {@code [d_sae, d_out]}
   * @param bDec decoder bias {@code [1, d_out]}
   * @param wSkip skip connection {@code [d_out, d_in]}; null for none
   * @throws IllegalArgumentException if the shapes do not fit
   */
  public SaeWeights(
      OffHeap memory, Matrix wEnc, Matrix bEnc, Matrix wDec, Matrix bDec, Matrix wSkip) {
    this(memory, null, wEnc, bEnc, wDec, bDec, wSkip);
  }

  private SaeWeights(
      OffHeap memory,
      OffHeap encoderMemory,
      Matrix wEnc,
      Matrix bEnc,
      Matrix wDec,
      Matrix bDec,
      Matrix wSkip) {
    Shapes.expect("b_enc", bEnc, 1, wEnc.rows());
    Shapes.expect("W_dec", wDec, wEnc.rows(), wDec.cols());
    Shapes.expect("b_dec", bDec, 1, wDec.cols());
    if (wSkip != null) {
      Shapes.expect("W_skip", wSkip, wDec.cols(), wEnc.cols());
    }
    this.memory = memory;
    this.encoderMemory = encoderMemory;
    this.wEnc = wEnc;
    this.bEnc = bEnc;
    this.wDec = wDec;
    this.bDec = bDec;
    this.wSkip = wSkip;
    this.dIn = wEnc.cols();
  }

  /**
   * Allocates zero weights of an autoencoder in a device's memory.
   *
   * @param device where they will be used
   * @param dIn width of the activations
   * @param dSae number of latents
   * @return zeros; the caller closes them, or hands them to a {@link SparseAutoencoder}
   */
  public static SaeWeights allocate(Device device, int dIn, int dSae) {
    return allocate(device, dIn, dIn, dSae, false);
  }

  /**
   * Allocates zero weights in a device's memory.
   *
   * @param device where they will be used
   * @param dIn width of the input
   * @param dOut width of the output
   * @param dSae number of latents
   * @param skip whether there is a skip connection
   * @return zeros; the caller closes them, or hands them to a {@link SparseAutoencoder}
   */
  public static SaeWeights allocate(Device device, int dIn, int dOut, int dSae, boolean skip) {
    OffHeap own = device.openMemory();
    OffHeap encoder = null;
    try {
      encoder = device.openMemory();
      return new SaeWeights(
          own,
          encoder,
          encoder.matrix(dSae, dIn),
          own.vector(dSae),
          own.matrix(dSae, dOut),
          own.vector(dOut),
          skip ? own.matrix(dOut, dIn) : null);
    } catch (Throwable e) {
      own.close();
      if (encoder != null) {
        encoder.close();
      }
      throw e;
    }
  }

  /**
   * Allocates zero weights whose encoder and decoder are one matrix.
   *
   * @param device where they will be used
   * @param dIn width of the activations
   * @param dSae number of latents
   * @return zeros; the caller closes them, or hands them to a {@link SparseAutoencoder}
   */
  public static SaeWeights allocateTied(Device device, int dIn, int dSae) {
    OffHeap own = device.openMemory();
    try {
      Matrix w = own.matrix(dSae, dIn);
      return new SaeWeights(own, null, w, own.vector(dSae), w, own.vector(dIn), null);
    } catch (Throwable e) {
      own.close();
      throw e;
    }
  }

  /**
   * The encoder as a matrix.
   *
   * @return {@code [d_sae, d_in]}
   * @throws IllegalStateException if only the device's own form of it is kept; see {@link
   *     #readEncoder}
   */
  public Matrix wEnc() {
    Matrix matrix = wEnc;
    if (matrix == null) {
      throw new IllegalStateException(
          "W_enc is kept in the form that its device reads; readEncoder returns its rows");
    }
    return matrix;
  }

  /**
   * The encoder bias.
   *
   * @return {@code [1, d_sae]}
   */
  public Matrix bEnc() {
    return bEnc;
  }

  /**
   * The decoder.
   *
   * @return {@code [d_sae, d_out]}; the same matrix as {@link #wEnc} in tied weights
   */
  public Matrix wDec() {
    return wDec;
  }

  /**
   * The decoder bias.
   *
   * @return {@code [1, d_out]}
   */
  public Matrix bDec() {
    return bDec;
  }

  /**
   * The skip connection S, which adds {@code x Sᵀ} to the output.
   *
   * @return {@code [d_out, d_in]}, or null if there is none
   */
  public Matrix wSkip() {
    return wSkip;
  }

  /** {@return whether encoder and decoder are one matrix} */
  public boolean tied() {
    return wEnc == wDec;
  }

  /**
   * Reads rows of the encoder, in whichever form it is kept.
   *
   * @param first first latent
   * @param count number of latents
   * @param target receives {@code count · d_in} weights, row after row
   * @param at position of the first
   */
  public void readEncoder(int first, int count, float[] target, int at) {
    Matrix matrix = wEnc;
    if (matrix != null) {
      matrix.read(first, count, target, at);
    } else {
      keeper.readRows(first, count, target, at);
    }
  }

  /**
   * Width of the input.
   *
   * @return {@code d_in}
   */
  public int dIn() {
    return dIn;
  }

  /**
   * Width of the output.
   *
   * @return {@code d_out}
   */
  public int dOut() {
    return wDec.cols();
  }

  /**
   * Number of latents.
   *
   * @return {@code d_sae}
   */
  public int dSae() {
    return wDec.rows();
  }

  /** The memory that is freed with the weights. */
  OffHeap memory() {
    return memory;
  }

  /** Frees the encoder matrix if a prepared encoder keeps its rows and nothing else needs it. */
  void leaveEncoderTo(Encoder prepared) {
    if (encoderMemory != null && wEnc != null && prepared.keepsRows()) {
      keeper = prepared;
      wEnc = null;
      encoderMemory.close();
    }
  }

  /** Frees the memory; a second call does nothing. */
  @Override
  public void close() {
    memory.close();
    if (encoderMemory != null) {
      encoderMemory.close();
    }
  }
}
