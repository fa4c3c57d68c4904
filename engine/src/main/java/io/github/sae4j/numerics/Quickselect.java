package io.github.sae4j.numerics;

/** The k-th largest of some numbers, without sorting them (Hoare 1961). */
public final class Quickselect {
  private Quickselect() {}

  /**
   * The k-th largest of the first values, which are reordered.
   *
   * @param values the values, none of them NaN
   * @param count how many of them count, at least k
   * @param k 1 for the largest
   * @return the value
   */
  public static float kthLargest(float[] values, int count, int k) {
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
