package io.github.sae4j.internal.start;

import io.github.sae4j.kernels.Kernels;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix, in double on the host (numerics rule 17):
 * Householder reflections to tridiagonal form, implicit QL with Wilkinson's shift, reflections of
 * the vectors back. Every element has one order of operations, so the bits depend neither on how
 * many parts are shared out nor on who runs them. About 9 d³ operations and two matrices.
 *
 * @param values eigenvalues, descending; equal ones in the order in which QL left them
 * @param vectors row i is the eigenvector of value i, of norm 1; its largest component in
 *     magnitude, the first of equal ones, is positive
 */
record SymmetricEigen(double[] values, double[][] vectors) {
  private static final double ULP = Math.ulp(1.0);

  /** Rows that one part takes: as many chains at a time hide the latency of an addition. */
  private static final int ROWS = 4;

  /** Columns that one part takes: all rows of so many stay in a second-level cache. */
  private static final int COLUMNS = 128;

  /** Sweeps for each eigenvalue, of all together; two are usual. */
  private static final int MOST_SWEEPS = 30;

  /**
   * Decomposes a matrix.
   *
   * @param a symmetric and finite, {@code [n, n]} with n at least 1; overwritten
   * @param host shares out the work
   * @return its decomposition
   */
  static SymmetricEigen of(double[][] a, Kernels host) {
    int n = a.length;
    double[] diagonal = new double[n];
    double[] beside = new double[n];
    double[] factors = new double[n];
    tridiagonal(a, diagonal, beside, factors, host);
    double[][] vectors = new double[n][n];
    for (int i = 0; i < n; i++) {
      vectors[i][i] = 1;
    }
    diagonalize(diagonal, beside, vectors, host);
    reflectBack(a, factors, vectors, host);
    int[] order =
        IntStream.range(0, n)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -diagonal[i]))
            .mapToInt(i -> i)
            .toArray();
    double[] values = new double[n];
    double[][] sorted = new double[n][];
    for (int i = 0; i < n; i++) {
      values[i] = diagonal[order[i]];
      sorted[i] = vectors[order[i]];
      turn(sorted[i]);
    }
    return new SymmetricEigen(values, sorted);
  }

  /**
   * Reflects row and column k onto the axis beside the diagonal, for ascending k. Row k of {@code
   * a} keeps the reflection's vector from column k + 1 on, {@code factors[k]} is 2 over its squared
   * norm, or 0 where there is nothing to reflect.
   */
  private static void tridiagonal(
      double[][] a, double[] diagonal, double[] beside, double[] factors, Kernels host) {
    int n = a.length;
    double[] p = new double[n];
    for (int k = 0; k < n; k++) {
      diagonal[k] = a[k][k];
      if (k == n - 1) {
        return;
      }
      double[] v = a[k];
      int first = k + 1;
      double largest = 0;
      for (int j = first + 1; j < n; j++) {
        largest = Math.max(largest, Math.abs(v[j]));
      }
      if (largest == 0) {
        beside[k] = v[first];
        continue;
      }
      largest = Math.max(largest, Math.abs(v[first]));
      double square = 0;
      for (int j = first; j < n; j++) {
        v[j] /= largest;
        square += v[j] * v[j];
      }
      double norm = Math.copySign(Math.sqrt(square), v[first]);
      double factor = 1 / (square + norm * v[first]);
      factors[k] = factor;
      beside[k] = -norm * largest;
      v[first] += norm;
      int parts = Math.ceilDiv(n - first, COLUMNS);
      host.onHost(
          parts,
          part -> {
            int from = first + part * COLUMNS;
            int to = Math.min(n, from + COLUMNS);
            Arrays.fill(p, from, to, 0);
            for (int i = first; i < n; i++) {
              plus(p, v[i], a[i], from, to);
            }
          });
      double along = 0;
      for (int j = first; j < n; j++) {
        p[j] *= factor;
        along += p[j] * v[j];
      }
      double half = factor / 2 * along;
      for (int j = first; j < n; j++) {
        p[j] -= half * v[j];
      }
      int count = n - first;
      host.onHost(
          Math.ceilDiv(count, COLUMNS),
          part -> {
            int to = Math.min(n, first + (part + 1) * COLUMNS);
            for (int i = first + part * COLUMNS; i < to; i++) {
              minusBoth(a[i], v[i], p, p[i], v, first, n);
            }
          });
    }
  }

  /** {@code sum += factor · row}. */
  private static void plus(double[] sum, double factor, double[] row, int from, int to) {
    for (int j = from; j < to; j++) {
      sum[j] += factor * row[j];
    }
  }

  /** {@code row −= x · p + y · v}: the same bits for element (i, j) as for (j, i). */
  private static void minusBoth(
      double[] row, double x, double[] p, double y, double[] v, int from, int to) {
    for (int j = from; j < to; j++) {
      row[j] -= x * p[j] + y * v[j];
    }
  }

  /** Rotations of neighbouring rows, kept until there are enough to pass over the vectors once. */
  private static final class Rotations {
    private static final int SWEEPS = 32;

    private final double[][] vectors;
    private final Kernels host;
    private final int[] rows;
    private final double[] cosines;
    private final double[] sines;
    private int count;

    Rotations(double[][] vectors, Kernels host) {
      this.vectors = vectors;
      this.host = host;
      int room = SWEEPS * vectors.length;
      rows = new int[room];
      cosines = new double[room];
      sines = new double[room];
    }

    void add(int row, double cosine, double sine) {
      if (count == rows.length) {
        apply();
      }
      rows[count] = row;
      cosines[count] = cosine;
      sines[count] = sine;
      count++;
    }

    void apply() {
      int n = vectors.length;
      host.onHost(
          Math.ceilDiv(n, COLUMNS),
          part -> {
            int from = part * COLUMNS;
            int to = Math.min(n, from + COLUMNS);
            for (int r = 0; r < count; r++) {
              rotate(vectors[rows[r]], vectors[rows[r] + 1], cosines[r], sines[r], from, to);
            }
          });
      count = 0;
    }

    private static void rotate(double[] low, double[] high, double c, double s, int from, int to) {
      for (int j = from; j < to; j++) {
        double x = low[j];
        double y = high[j];
        low[j] = c * x - s * y;
        high[j] = s * x + c * y;
      }
    }
  }

  /** Implicit QL; {@code beside[i]} lies between the diagonal's elements i and i + 1. */
  private static void diagonalize(
      double[] diagonal, double[] beside, double[][] vectors, Kernels host) {
    int n = diagonal.length;
    Rotations rotations = new Rotations(vectors, host);
    long sweeps = 0;
    double largest = 0;
    for (int low = 0; low < n; low++) {
      largest = Math.max(largest, Math.abs(diagonal[low]) + Math.abs(beside[low]));
      for (int high = end(diagonal, beside, low, largest);
          high > low;
          high = end(diagonal, beside, low, largest)) {
        if (++sweeps > (long) MOST_SWEEPS * n) {
          throw new IllegalStateException(
              "eigenvalues of a matrix of width "
                  + n
                  + " did not converge in "
                  + sweeps
                  + " sweeps");
        }
        sweep(diagonal, beside, low, high, rotations);
      }
    }
    rotations.apply();
  }

  /**
   * The last row of the block that begins at {@code low}: behind it the matrix falls apart, to
   * within the rounding of the rows so far or of its neighbours. A matrix of low rank has rows that
   * are rounding errors alone, into which every sweep over the others puts new ones: measured by
   * themselves they would never be small.
   *
   * @param largest |diagonal| + |beside|, the most of the rows up to {@code low}
   */
  private static int end(double[] diagonal, double[] beside, int low, double largest) {
    int high = low;
    while (high < diagonal.length - 1
        && Math.abs(beside[high])
            > ULP * Math.max(largest, Math.abs(diagonal[high]) + Math.abs(diagonal[high + 1]))) {
      high++;
    }
    return high;
  }

  /** Chases the bulge of one shifted QL step from the end of a block to its beginning. */
  private static void sweep(
      double[] diagonal, double[] beside, int low, int high, Rotations rotations) {
    double slope = (diagonal[low + 1] - diagonal[low]) / (2 * beside[low]);
    double root = StrictMath.hypot(slope, 1);
    double shifted =
        diagonal[high] - diagonal[low] + beside[low] / (slope + Math.copySign(root, slope));
    double sine = 1;
    double cosine = 1;
    double moved = 0;
    for (int i = high - 1; i >= low; i--) {
      double bulge = sine * beside[i];
      double rest = cosine * beside[i];
      double length = StrictMath.hypot(bulge, shifted);
      beside[i + 1] = length;
      if (length == 0) {
        // The block falls apart here: what was moved is given back, and the rest starts anew.
        diagonal[i + 1] -= moved;
        beside[high] = 0;
        return;
      }
      sine = bulge / length;
      cosine = shifted / length;
      double here = diagonal[i + 1] - moved;
      double mixed = (diagonal[i] - here) * sine + 2 * cosine * rest;
      moved = sine * mixed;
      diagonal[i + 1] = here + moved;
      shifted = cosine * mixed - rest;
      rotations.add(i, cosine, sine);
    }
    diagonal[low] -= moved;
    beside[low] = shifted;
    beside[high] = 0;
  }

  /** Applies the reflections to each vector of the tridiagonal matrix, the last one first. */
  private static void reflectBack(
      double[][] a, double[] factors, double[][] vectors, Kernels host) {
    int n = a.length;
    host.onHost(
        Math.ceilDiv(n, ROWS),
        part -> {
          int from = part * ROWS;
          int last = n - 1;
          // Where fewer vectors are left, places repeat the last; only the first write counts.
          double[] x0 = vectors[from];
          double[] x1 = vectors[Math.min(last, from + 1)];
          double[] x2 = vectors[Math.min(last, from + 2)];
          double[] x3 = vectors[Math.min(last, from + 3)];
          int rows = Math.min(ROWS, n - from);
          for (int k = n - 2; k >= 0; k--) {
            if (factors[k] == 0) {
              continue;
            }
            double[] v = a[k];
            double s0 = 0;
            double s1 = 0;
            double s2 = 0;
            double s3 = 0;
            for (int j = k + 1; j < n; j++) {
              double w = v[j];
              s0 += w * x0[j];
              s1 += w * x1[j];
              s2 += w * x2[j];
              s3 += w * x3[j];
            }
            plus(x0, -(factors[k] * s0), v, k + 1, n);
            if (rows > 1) {
              plus(x1, -(factors[k] * s1), v, k + 1, n);
            }
            if (rows > 2) {
              plus(x2, -(factors[k] * s2), v, k + 1, n);
            }
            if (rows > 3) {
              plus(x3, -(factors[k] * s3), v, k + 1, n);
            }
          }
        });
  }

  /** Makes the largest component positive. */
  private static void turn(double[] vector) {
    double largest = 0;
    for (double value : vector) {
      if (Math.abs(value) > Math.abs(largest)) {
        largest = value;
      }
    }
    for (int j = 0; largest < 0 && j < vector.length; j++) {
      vector[j] = -vector[j];
    }
  }
}
