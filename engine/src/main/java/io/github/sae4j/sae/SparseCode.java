package io.github.sae4j.sae;

/**
 * The code of one row, on the heap.
 *
 * @param indices the active latents, ascending
 * @param values their activations
 */
public record SparseCode(int[] indices, float[] values) {
  /** Checks that there is a value for every index. */
  public SparseCode {
    if (indices.length != values.length) {
      throw new IllegalArgumentException(
          "values: expected one for each of " + indices.length + " indices, got " + values.length);
    }
  }

  /**
   * How many latents it holds.
   *
   * @return number of indices
   */
  public int length() {
    return indices.length;
  }

  /**
   * The same code with all its zeros.
   *
   * @param dSae number of latents
   * @return activations {@code [d_sae]}
   */
  public float[] toDense(int dSae) {
    float[] dense = new float[dSae];
    for (int slot = 0; slot < indices.length; slot++) {
      dense[indices[slot]] = values[slot];
    }
    return dense;
  }
}
