package io.github.sae4j.step;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.List;

/**
 * Everything a training step changes: weights, Adam's moments, and the counters of dead latents.
 * Encoder and decoder are both {@code [d_sae, d_in]}.
 *
 * @param wEnc encoder {@code [d_sae, d_in]}
 * @param wDec decoder {@code [d_sae, d_in]}
 * @param bEnc encoder bias {@code [1, d_sae]}
 * @param bDec decoder bias {@code [1, d_in]}
 * @param wEncM first moments of {@code wEnc}
 * @param wEncV second moments of {@code wEnc}
 * @param wDecM first moments of {@code wDec}
 * @param wDecV second moments of {@code wDec}
 * @param bEncM first moments of {@code bEnc}
 * @param bEncV second moments of {@code bEnc}
 * @param bDecM first moments of {@code bDec}
 * @param bDecV second moments of {@code bDec}
 * @param sinceFired per latent, steps or rows since it fired; see {@link StepSpec.Counting}
 */
public record TrainingState(
    Matrix wEnc,
    Matrix wDec,
    Matrix bEnc,
    Matrix bDec,
    Matrix wEncM,
    Matrix wEncV,
    Matrix wDecM,
    Matrix wDecV,
    Matrix bEncM,
    Matrix bEncV,
    Matrix bDecM,
    Matrix bDecV,
    long[] sinceFired) {

  /**
   * Allocates a zeroed state.
   *
   * @param memory where
   * @param dIn width of the input
   * @param dSae number of latents
   * @return zero weights, moments and counters
   */
  public static TrainingState allocate(OffHeap memory, int dIn, int dSae) {
    return new TrainingState(
        memory.matrix(dSae, dIn),
        memory.matrix(dSae, dIn),
        memory.vector(dSae),
        memory.vector(dIn),
        memory.matrix(dSae, dIn),
        memory.matrix(dSae, dIn),
        memory.matrix(dSae, dIn),
        memory.matrix(dSae, dIn),
        memory.vector(dSae),
        memory.vector(dSae),
        memory.vector(dIn),
        memory.vector(dIn),
        new long[dSae]);
  }

  /**
   * A tensor of the state.
   *
   * @param name its name in files
   * @param matrix the tensor
   */
  public record Named(String name, Matrix matrix) {}

  /**
   * All tensors in a fixed order, with their names in files.
   *
   * @return weights, then moments
   */
  public List<Named> tensors() {
    return List.of(
        new Named("W_enc", wEnc),
        new Named("W_dec", wDec),
        new Named("b_enc", bEnc),
        new Named("b_dec", bDec),
        new Named("W_enc.m", wEncM),
        new Named("W_enc.v", wEncV),
        new Named("W_dec.m", wDecM),
        new Named("W_dec.v", wDecV),
        new Named("b_enc.m", bEncM),
        new Named("b_enc.v", bEncV),
        new Named("b_dec.m", bDecM),
        new Named("b_dec.v", bDecV));
  }

  /**
   * Number of latents.
   *
   * @return d_sae
   */
  public int dSae() {
    return wEnc.rows();
  }

  /**
   * Width of the input.
   *
   * @return d_in
   */
  public int dIn() {
    return wEnc.cols();
  }

  /**
   * Copies another state of the same shape into this one.
   *
   * @param source the other state
   */
  public void copyFrom(TrainingState source) {
    for (int i = 0; i < tensors().size(); i++) {
      tensors().get(i).matrix().copyFrom(source.tensors().get(i).matrix());
    }
    System.arraycopy(source.sinceFired, 0, sinceFired, 0, sinceFired.length);
  }
}
