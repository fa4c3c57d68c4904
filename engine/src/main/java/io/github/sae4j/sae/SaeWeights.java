package io.github.sae4j.sae;

import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;

/**
 * The weights of an SAE and the device memory that holds them. Encoder and decoder are both {@code
 * [d_sae, d_in]}, whatever a file's layout is.
 *
 * @param memory owns the matrices; closed with the weights
 * @param wEnc encoder {@code [d_sae, d_in]}
 * @param bEnc encoder bias {@code [1, d_sae]}
 * @param wDec decoder {@code [d_sae, d_in]}
 * @param bDec decoder bias {@code [1, d_in]}
 */
public record SaeWeights(OffHeap memory, Matrix wEnc, Matrix bEnc, Matrix wDec, Matrix bDec)
    implements AutoCloseable {

  /** Checks the shapes against the encoder's. */
  public SaeWeights {
    Shapes.expect("b_enc", bEnc, 1, wEnc.rows());
    Shapes.expect("W_dec", wDec, wEnc.rows(), wEnc.cols());
    Shapes.expect("b_dec", bDec, 1, wEnc.cols());
  }

  /**
   * Allocates zero weights in a device's memory.
   *
   * @param device where they will be used
   * @param dIn width of the activations
   * @param dSae number of latents
   * @return zeros; the caller closes them, or hands them to a {@link TopKSae}
   */
  public static SaeWeights allocate(Device device, int dIn, int dSae) {
    OffHeap memory = device.openMemory();
    try {
      return new SaeWeights(
          memory,
          memory.matrix(dSae, dIn),
          memory.vector(dSae),
          memory.matrix(dSae, dIn),
          memory.vector(dIn));
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Width of the activations.
   *
   * @return {@code d_in}
   */
  public int dIn() {
    return wEnc.cols();
  }

  /**
   * Number of latents.
   *
   * @return {@code d_sae}
   */
  public int dSae() {
    return wEnc.rows();
  }

  /** Frees the memory; a second call does nothing. */
  @Override
  public void close() {
    memory.close();
  }
}
