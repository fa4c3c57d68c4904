package io.github.sae4j.device.vector;

import io.github.sae4j.device.OrderedSums;
import io.github.sae4j.memory.Matrix;

/** Sums over the rows of a batch, in blocks of 256 rows (numerics rules 5 and 6). */
final class BatchSums {
  /** Copies a row of the batch into scratch. */
  interface Rows {
    /**
     * Reads one row.
     *
     * @param row row of the batch
     * @param out receives the row
     */
    void read(int row, float[] out);
  }

  private final WorkerPool pool;

  BatchSums(WorkerPool pool) {
    this.pool = pool;
  }

  /** Rows of a matrix. */
  static Rows of(Matrix matrix) {
    return (row, out) -> matrix.read(row, 1, out, 0);
  }

  /** Rows in an array, {@code stride} floats apart. */
  static Rows of(float[] rows, int stride, int width) {
    return (row, out) -> System.arraycopy(rows, row * stride, out, 0, width);
  }

  /** Column sums in f32. */
  float[] columnSums(Rows rows, int from, int count, int width) {
    int blocks = blocks(count);
    float[][] sums = new float[blocks][];
    pool.run(
        blocks,
        (block, worker) -> {
          float[] sum = new float[width];
          float[] row = new float[width];
          int end = Math.min(count, (block + 1) * OrderedSums.BLOCK);
          for (int b = block * OrderedSums.BLOCK; b < end; b++) {
            rows.read(from + b, row);
            for (int j = 0; j < width; j++) {
              sum[j] += row[j];
            }
          }
          sums[block] = sum;
        });
    float[] total = new float[width];
    for (float[] sum : sums) {
      for (int j = 0; j < width; j++) {
        total[j] += sum[j];
      }
    }
    return total;
  }

  /** Column means, summed in double and rounded once. */
  float[] columnMeans(Rows rows, int from, int count, int width) {
    int blocks = blocks(count);
    double[][] sums = new double[blocks][];
    pool.run(
        blocks,
        (block, worker) -> {
          double[] sum = new double[width];
          float[] row = new float[width];
          int end = Math.min(count, (block + 1) * OrderedSums.BLOCK);
          for (int b = block * OrderedSums.BLOCK; b < end; b++) {
            rows.read(from + b, row);
            for (int j = 0; j < width; j++) {
              sum[j] += row[j];
            }
          }
          sums[block] = sum;
        });
    double[] total = new double[width];
    for (double[] sum : sums) {
      for (int j = 0; j < width; j++) {
        total[j] += sum[j];
      }
    }
    float[] means = new float[width];
    for (int j = 0; j < width; j++) {
      means[j] = (float) (total[j] / count);
    }
    return means;
  }

  /** Squared distances of rows to a vector, by lanes. */
  void squaredDistances(Rows rows, int from, int count, float[] center, float[] out, int at) {
    int width = center.length;
    int padded = Vectors.padded(width);
    pool.run(
        blocks(count),
        (block, worker) -> {
          float[] row = new float[padded];
          int end = Math.min(count, (block + 1) * OrderedSums.BLOCK);
          for (int b = block * OrderedSums.BLOCK; b < end; b++) {
            rows.read(from + b, row);
            for (int j = 0; j < width; j++) {
              row[j] -= center[j];
            }
            out[at + b] = RowKernels.dot(row, 0, row, 0, padded);
          }
        });
  }

  /** Adds row scalars in double. */
  static double sum(float[] values, int from, int count) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (int i = 0; i < count; i++) {
      blocks.add(values[from + i]);
    }
    return blocks.total();
  }

  private static int blocks(int rows) {
    return (rows + OrderedSums.BLOCK - 1) / OrderedSums.BLOCK;
  }
}
