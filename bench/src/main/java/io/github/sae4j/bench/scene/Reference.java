package io.github.sae4j.bench.scene;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;

/** Checks results against the definitions, in double, on a few rows. */
public final class Reference {
  private Reference() {}

  /**
   * Compares a product with dot products in double on a few rows spread over the matrix.
   *
   * @param x {@code [B, d]}
   * @param w {@code [n, d]}
   * @param out {@code [B, n]}, the product x wᵀ to check
   * @return largest difference over largest value
   */
  public static double productError(Matrix x, Matrix w, Matrix out) {
    double difference = 0;
    double largest = Double.MIN_NORMAL;
    for (int b : someRows(x.rows())) {
      double[] exact = preActivations(x, w, null, null, b);
      for (int i = 0; i < exact.length; i++) {
        difference = Math.max(difference, Math.abs(exact[i] - out.get(b, i)));
        largest = Math.max(largest, Math.abs(exact[i]));
      }
    }
    return difference / largest;
  }

  /**
   * Compares codes with a selection in double on a few rows. A latent that differs counts by how
   * far its pre-activation is from the k-th, so that near ties do not matter.
   *
   * @param scene weights and batch
   * @param codes k per row
   * @return largest difference over largest value
   */
  public static double codesError(Scene scene, SparseCodes codes) {
    int k = scene.shape().k();
    double difference = 0;
    double largest = Double.MIN_NORMAL;
    for (int b : someRows(codes.rows())) {
      double[] exact = preActivations(scene.x(), scene.wEnc(), scene.bEnc(), scene.bDec(), b);
      double[] sorted = exact.clone();
      Arrays.sort(sorted);
      if (codes.length(b) != k) {
        return Double.POSITIVE_INFINITY;
      }
      double threshold = sorted[sorted.length - k];
      boolean[] seen = new boolean[exact.length];
      for (int slot = 0; slot < k; slot++) {
        int latent = codes.index(b, slot);
        if (seen[latent]) {
          return Double.POSITIVE_INFINITY;
        }
        seen[latent] = true;
        double value = Math.max(0, exact[latent]);
        difference = Math.max(difference, Math.abs(value - codes.value(b, slot)));
        difference = Math.max(difference, threshold - exact[latent]);
        largest = Math.max(largest, value);
      }
    }
    return difference / largest;
  }

  private static double[] preActivations(Matrix x, Matrix w, Matrix bEnc, Matrix bDec, int b) {
    float[] input = new float[x.cols()];
    x.read(b, 1, input, 0);
    if (bDec != null) {
      for (int j = 0; j < input.length; j++) {
        input[j] -= bDec.get(0, j);
      }
    }
    double[] pre = new double[w.rows()];
    float[] row = new float[w.cols()];
    for (int i = 0; i < pre.length; i++) {
      w.read(i, 1, row, 0);
      double sum = 0;
      for (int j = 0; j < row.length; j++) {
        sum += (double) input[j] * row[j];
      }
      pre[i] = bEnc == null ? sum : sum + bEnc.get(0, i);
    }
    return pre;
  }

  private static int[] someRows(int rows) {
    return new int[] {0, rows / 3, rows - 1};
  }
}
