package io.github.sae4j.device.vector;

import io.github.sae4j.device.Selection;

/**
 * The running top k of a block of rows. Latents arrive in ascending order, and only those that beat
 * their row's threshold (its k-th best so far). A later latent must be strictly greater to pass,
 * and among equals the earlier is kept, so the result follows the total order of numerics rule 10.
 */
sealed interface Selector permits ReplacingSelector, CuttingSelector {
  /** Largest k for which finding the worst of k anew costs less than cutting buffers back. */
  int SMALL_K = 256;

  /** The selector for a k. */
  static Selector of(int k) {
    return k <= SMALL_K ? new ReplacingSelector() : new CuttingSelector();
  }

  /** Bytes of state a row. */
  static long bytesPerRow(int k, int latents) {
    return k <= SMALL_K
        ? 12L * Vectors.padded(k)
        : 4L * CuttingSelector.SLOT * CuttingSelector.capacity(k, latents);
  }

  /** Starts a block of rows. */
  void reset(int rows, int k, int latents);

  /** What a latent's rank must exceed to be a candidate, per row. */
  float[] thresholds();

  /**
   * Offers latents of a row.
   *
   * @param row row of the block
   * @param mask the latents, lowest bit first
   * @param firstLatent latent of the lowest bit
   * @param sums products without bias
   * @param sumsAt that of the lowest bit
   * @param bias biases
   * @param scale rank scales; not read if the ranking has none
   * @param at bias and scale of the lowest bit
   * @param spec the ranking
   */
  void append(
      int row,
      long mask,
      int firstLatent,
      float[] sums,
      int sumsAt,
      float[] bias,
      float[] scale,
      int at,
      Encoding.Spec spec);

  /**
   * Writes a row's best latents, ascending by index. May be called again for fewer.
   *
   * @param row row of the block
   * @param selection what is stored of a value
   * @param codes receives {@code codes.k} latents
   * @param at row of {@code codes}
   */
  void finish(int row, Selection selection, HeapCodes codes, int at);

  /** The rank of a value. */
  static float rank(float value, float[] scale, int at, Encoding.Spec spec) {
    float rank = spec.selection() == Selection.RELU_FIRST && !(value > 0) ? 0f : value;
    return spec.rankScale() == null ? rank : rank * scale[at];
  }

  /** What is stored of a selected value. */
  static float stored(float value, Selection selection) {
    return selection == Selection.SIGNED || value > 0 ? value : 0f;
  }

  /** The k-th largest of the first {@code count} values, which are reordered (quickselect). */
  static float kthLargest(float[] values, int count, int k) {
    int low = 0;
    int high = count - 1;
    int target = k - 1;
    while (low < high) {
      float pivot = middle(values[low], values[(low + high) >>> 1], values[high]);
      int i = low;
      int j = high;
      while (i <= j) {
        while (values[i] > pivot) {
          i++;
        }
        while (values[j] < pivot) {
          j--;
        }
        if (i <= j) {
          float swap = values[i];
          values[i++] = values[j];
          values[j--] = swap;
        }
      }
      if (target <= j) {
        high = j;
      } else if (target >= i) {
        low = i;
      } else {
        break;
      }
    }
    return values[target];
  }

  private static float middle(float a, float b, float c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
