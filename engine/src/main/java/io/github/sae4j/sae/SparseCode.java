package io.github.sae4j.sae;

import java.util.Arrays;
import java.util.StringJoiner;

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

  /** By content, as a value. */
  @Override
  public boolean equals(Object other) {
    return other instanceof SparseCode code
        && Arrays.equals(indices, code.indices)
        && Arrays.equals(values, code.values);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(indices) + Arrays.hashCode(values);
  }

  /**
   * The code as text.
   *
   * @return for instance {@code SparseCode{17: 0.42, 93: 1.5}}
   */
  @Override
  public String toString() {
    StringJoiner pairs = new StringJoiner(", ", "SparseCode{", "}");
    for (int slot = 0; slot < indices.length; slot++) {
      pairs.add(indices[slot] + ": " + values[slot]);
    }
    return pairs.toString();
  }

  /** {@return the number of latents that it holds} */
  public int length() {
    return indices.length;
  }

  /**
   * The code as a dense vector.
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
