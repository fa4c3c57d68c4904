package io.github.sae4j.step;

import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.util.Arrays;
import java.util.Objects;

/**
 * The map {@code z = W (x − μ)} that rows go through before a step, and its inverse: SAELens's
 * {@code covariance_whitening}. The rows of W are orthogonal directions, each divided by the
 * deviation of the data along it, so that z has about unit covariance.
 *
 * <p>12 d + 8 d² bytes on the heap.
 */
public final class Whitening {
  private final float[] mean;
  private final float[][] forward;
  private final float[][] inverse;

  /**
   * A map whose arrays are the caller's no more.
   *
   * @param mean μ, {@code [d]}
   * @param forward W, {@code [d, d]}
   * @param inverse the inverse of W, {@code [d, d]}
   */
  public Whitening(float[] mean, float[][] forward, float[][] inverse) {
    expectSquare("W", forward, mean.length);
    expectSquare("the inverse of W", inverse, mean.length);
    this.mean = mean;
    this.forward = forward;
    this.inverse = inverse;
  }

  private static void expectSquare(String name, float[][] matrix, int width) {
    Shapes.expect(matrix.length == width, name, width + " rows", matrix.length);
    for (float[] row : matrix) {
      Objects.requireNonNull(row, name);
      Shapes.expect(row.length == width, name, width + " columns", row.length);
    }
  }

  /** {@return d, the width of the rows} */
  public int width() {
    return mean.length;
  }

  /**
   * The most that W lengthens a row: the largest norm of its rows, which are orthogonal.
   *
   * @return a factor, summed in double
   */
  public double gain() {
    double most = 0;
    for (float[] row : forward) {
      double square = 0;
      for (float value : row) {
        square += (double) value * value;
      }
      most = Math.max(most, square);
    }
    return Math.sqrt(most);
  }

  /**
   * Compares all elements.
   *
   * @param other a map
   * @return whether it has the same bits
   */
  public boolean sameAs(Whitening other) {
    return Arrays.equals(mean, other.mean)
        && Arrays.deepEquals(forward, other.forward)
        && Arrays.deepEquals(inverse, other.inverse);
  }

  /**
   * Copies μ.
   *
   * @param memory where to
   * @return {@code [1, d]}
   */
  public Matrix mean(OffHeap memory) {
    Matrix copy = memory.vector(width());
    copy.write(0, 1, mean, 0);
    return copy;
  }

  /**
   * Copies W.
   *
   * @param memory where to
   * @return {@code [d, d]}
   */
  public Matrix forward(OffHeap memory) {
    return copy(forward, memory);
  }

  /**
   * Copies the inverse of W.
   *
   * @param memory where to
   * @return {@code [d, d]}
   */
  public Matrix inverse(OffHeap memory) {
    return copy(inverse, memory);
  }

  private static Matrix copy(float[][] rows, OffHeap memory) {
    Matrix copy = memory.matrix(rows.length, rows.length);
    for (int i = 0; i < rows.length; i++) {
      copy.write(i, 1, rows[i], 0);
    }
    return copy;
  }

  /** The map in a device's memory, with room for a batch. Not thread-safe. */
  public static final class OnDevice {
    private final Kernels kernels;
    private final Matrix mean;
    private final Matrix forward;
    private final Matrix centered;
    private final Matrix whitened;

    private OnDevice(Whitening map, Kernels kernels, OffHeap memory, int rows) {
      this.kernels = kernels;
      mean = map.mean(memory);
      forward = map.forward(memory);
      centered = memory.matrix(rows, map.width());
      whitened = memory.matrix(rows, map.width());
    }

    /**
     * Maps rows: x − μ in one rounding, then each element of z one chain over ascending columns
     * (numerics rules 1 and 17).
     *
     * @param x {@code [rows, d]}, not more rows than there is room for; not changed
     * @return z {@code [rows, d]}, until the next call
     */
    public Matrix apply(Matrix x) {
      Matrix difference = centered.firstRows(x.rows());
      Matrix out = whitened.firstRows(x.rows());
      kernels.subtractRow(x, mean, difference);
      kernels.product(difference, false, forward, true, out);
      return out;
    }
  }

  /**
   * Brings the map to a device: {@code 4 d² + 8 B d} bytes.
   *
   * @param kernels of the device
   * @param memory of the device
   * @param rows B, the most rows of a batch
   * @return the map there
   */
  public OnDevice on(Kernels kernels, OffHeap memory, int rows) {
    return new OnDevice(this, kernels, memory, rows);
  }

  /**
   * Takes a point of the whitened space back: {@code μ + W⁻¹ z}, each element a plain sum in double
   * over ascending columns to which μ is added last, rounded once.
   *
   * @param z {@code [d]}
   * @return {@code [d]}
   */
  public float[] back(float[] z) {
    float[] x = new float[mean.length];
    for (int j = 0; j < x.length; j++) {
      double sum = 0;
      for (int i = 0; i < z.length; i++) {
        sum += (double) inverse[j][i] * z[i];
      }
      x[j] = (float) (sum + mean[j]);
    }
    return x;
  }
}
