package io.github.sae4j.internal.vector.rows;

import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.numerics.OrderedSums;
import java.util.Arrays;

/**
 * Sums over the rows of a batch, in blocks of 256 rows (numerics rules 5 and 6). Threads split the
 * columns, so the order of a column's sum never depends on scheduling.
 */
public final class BatchSums {
  /** Most columns of one task: runs long enough for the prefetcher, sums that stay in L1. */
  private static final int STRIPE = 512;

  private static final class Worker {
    final float[] piece = new float[STRIPE];
    final float[] block = new float[STRIPE];
    final double[] wideBlock = new double[STRIPE];
    final double[] wideTotal = new double[STRIPE];
    float[] row = {};
  }

  private final WorkerPool pool;
  private final Worker[] workers;
  private double[] blockSums = {};

  public BatchSums(WorkerPool pool) {
    this.pool = pool;
    this.workers = new Worker[pool.size()];
    Arrays.setAll(workers, i -> new Worker());
  }

  /**
   * Adds column sums in f32 to {@code out}.
   *
   * @param rows the batch
   * @param count rows to add, from row 0
   * @param width number of columns
   * @param out the sums are added to its {@code width} elements block by block, so a batch may come
   *     in several calls if all but the last bring whole blocks
   */
  public void addColumnSums(Rows rows, int count, int width, float[] out) {
    forStripes(
        width,
        (worker, column, columns) -> {
          float[] piece = worker.piece;
          float[] block = worker.block;
          for (int from = 0; from < count; from += OrderedSums.BLOCK) {
            Arrays.fill(block, 0f);
            int end = Math.min(count, from + OrderedSums.BLOCK);
            for (int b = from; b < end; b++) {
              rows.read(b, column, columns, piece, 0);
              for (int j = 0; j < columns; j++) {
                block[j] += piece[j];
              }
            }
            for (int j = 0; j < columns; j++) {
              out[column + j] += block[j];
            }
          }
        });
  }

  /**
   * Column means, summed in double and rounded once.
   *
   * @param rows the batch
   * @param from first row
   * @param count number of rows
   * @param width number of columns
   * @param out receives {@code width} means
   */
  public void columnMeans(Rows rows, int from, int count, int width, float[] out) {
    forStripes(
        width,
        (worker, column, columns) -> {
          float[] piece = worker.piece;
          double[] block = worker.wideBlock;
          double[] total = worker.wideTotal;
          Arrays.fill(total, 0);
          for (int at = 0; at < count; at += OrderedSums.BLOCK) {
            Arrays.fill(block, 0);
            int end = Math.min(count, at + OrderedSums.BLOCK);
            for (int b = at; b < end; b++) {
              rows.read(from + b, column, columns, piece, 0);
              for (int j = 0; j < columns; j++) {
                block[j] += piece[j];
              }
            }
            for (int j = 0; j < columns; j++) {
              total[j] += block[j];
            }
          }
          for (int j = 0; j < columns; j++) {
            out[column + j] = (float) (total[j] / count);
          }
        });
  }

  /**
   * Squared distances of rows to a vector, by lanes.
   *
   * @param rows the batch
   * @param from first row
   * @param count number of rows
   * @param width number of columns
   * @param center the vector
   * @param out receives {@code count} distances
   * @param at first position in {@code out}
   */
  public void squaredDistances(
      Rows rows, int from, int count, int width, float[] center, float[] out, int at) {
    int padded = Vectors.padded(width);
    pool.run(
        blocks(count),
        (block, w) -> {
          Worker worker = workers[w];
          if (worker.row.length < padded) {
            worker.row = new float[padded];
          }
          float[] row = worker.row;
          Arrays.fill(row, width, padded, 0f);
          int end = Math.min(count, (block + 1) * OrderedSums.BLOCK);
          for (int b = block * OrderedSums.BLOCK; b < end; b++) {
            rows.read(from + b, 0, width, row, 0);
            for (int j = 0; j < width; j++) {
              row[j] -= center[j];
            }
            out[at + b] = RowArithmetic.dot(row, 0, row, 0, padded);
          }
        });
  }

  /** Adds row scalars in double. */
  public static double sum(float[] values, int from, int count) {
    OrderedSums.Blocks blocks = new OrderedSums.Blocks();
    for (int i = 0; i < count; i++) {
      blocks.add(values[from + i]);
    }
    return blocks.total();
  }

  /** Adds many row scalars in double: threads share the blocks, so the order is that of rule 5. */
  public double sumOfMany(float[] values, int count) {
    int blocks = blocks(count);
    if (blockSums.length < blocks) {
      blockSums = new double[blocks];
    }
    double[] sums = blockSums;
    pool.run(
        blocks,
        (block, worker) -> {
          double sum = 0;
          int end = Math.min(count, (block + 1) * OrderedSums.BLOCK);
          for (int i = block * OrderedSums.BLOCK; i < end; i++) {
            sum += values[i];
          }
          sums[block] = sum;
        });
    double total = 0;
    for (int block = 0; block < blocks; block++) {
      total += sums[block];
    }
    return total;
  }

  private interface Stripe {
    void run(Worker worker, int column, int columns);
  }

  private void forStripes(int width, Stripe stripe) {
    // As wide as possible while all threads have equal work.
    int perThread = Math.ceilDiv(width, pool.size());
    int columns = Vectors.padded(Math.ceilDiv(perThread, Math.ceilDiv(perThread, STRIPE)));
    pool.run(
        Math.ceilDiv(width, columns),
        (task, worker) -> {
          int column = task * columns;
          stripe.run(workers[worker], column, Math.min(columns, width - column));
        });
  }

  private static int blocks(int rows) {
    return (rows + OrderedSums.BLOCK - 1) / OrderedSums.BLOCK;
  }
}
