package io.github.sae4j.internal.vector.step;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.internal.vector.select.CodesByLatent;
import io.github.sae4j.internal.vector.select.HeapCodes;
import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Sparse decode by latent instead of by sample: W_dec is read once and in order, where the samples'
 * selected rows come from all over it. Columns are cut into blocks whose reconstructions of all
 * samples stay in L2, and a thread takes whole blocks. Latents ascend, so every output element is
 * the chain of numerics rule 3, as by sample.
 */
final class DecodeByLatent {
  /**
   * A block of all samples is at most so large. Measured with 1 MiB of L2: twice as wide and half
   * as wide blocks are slower.
   */
  private static final int BLOCK_BYTES = 5 << 18;

  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  private final WorkerPool pool;
  private final Matrix wDec;
  private final int columns;

  /** Reconstructions by block of columns, {@code [blocks, rows, columns]}. */
  private final float[] blocks;

  private float[] values;
  private int rows;

  /**
   * Allocates the reconstructions.
   *
   * @param columns columns of a block, whole vectors
   * @param maxRows most rows of a batch
   */
  DecodeByLatent(WorkerPool pool, Matrix wDec, int columns, int maxRows) {
    this.pool = pool;
    this.wDec = wDec;
    this.columns = columns;
    this.blocks = new float[Math.toIntExact(floats(wDec.cols(), columns, maxRows))];
  }

  /**
   * The columns of a block, or 0 where decoding by sample is better: where there are fewer blocks
   * than threads.
   */
  static int columns(int maxRows, int width, int threads) {
    for (int columns : new int[] {8 * LENGTH, 4 * LENGTH}) {
      int count = blocks(width, columns);
      boolean even = count % threads == 0 || count >= 4 * threads;
      if (even && 4L * maxRows * columns <= BLOCK_BYTES) {
        return columns;
      }
    }
    int narrow = 4 * LENGTH;
    boolean enough = blocks(width, narrow) >= threads;
    return enough && 4L * maxRows * narrow <= 2L * BLOCK_BYTES ? narrow : 0;
  }

  /** Floats of the reconstructions. */
  static long floats(int width, int columns, int maxRows) {
    return (long) blocks(width, columns) * columns * maxRows;
  }

  private static int blocks(int width, int columns) {
    return (width + columns - 1) / columns;
  }

  /**
   * Decodes all rows, without b_dec.
   *
   * @param codes codes by row and by latent
   * @param count rows of the batch
   */
  void run(HeapCodes codes, int count) {
    rows = count;
    values = codes.valuesByLatent;
    CodesByLatent index = codes.byLatent;
    pool.run(blocks(wDec.cols(), columns), (block, worker) -> decode(index, block));
  }

  private void decode(CodesByLatent index, int block) {
    int first = block * columns;
    int last = Math.min(wDec.cols(), first + columns);
    int at = block * columns * rows;
    Arrays.fill(blocks, at, at + columns * rows, 0f);
    int column = first;
    for (; column + 8 * LENGTH <= last; column += 8 * LENGTH) {
      add8(index, column, at + column - first);
    }
    for (; column + 4 * LENGTH <= last; column += 4 * LENGTH) {
      add4(index, column, at + column - first);
    }
    for (; column + LENGTH <= last; column += LENGTH) {
      add1(index, column, at + column - first);
    }
    for (; column < last; column++) {
      addColumn(index, column, at + column - first);
    }
  }

  /** Reads a row of the last batch, the width's floats from {@code at}. */
  void read(int row, float[] to, int at) {
    int width = wDec.cols();
    for (int first = 0; first < width; first += columns) {
      int count = Math.min(columns, width - first);
      System.arraycopy(blocks, first * rows + row * columns, to, at + first, count);
    }
  }

  // One method per number of vectors: the latent's weights stay in registers.

  private void add8(CodesByLatent index, int column, int at) {
    MemorySegment weights = wDec.segment();
    int[] rowOf = index.rows();
    float[] out = blocks;
    for (int i = 0; i < index.latents(); i++) {
      int p = index.from(i);
      int to = index.to(i);
      if (p == to) {
        continue;
      }
      long from = wDec.rowOffset(i) + 4L * column;
      FloatVector w0 = load(weights, from, 0);
      FloatVector w1 = load(weights, from, 1);
      FloatVector w2 = load(weights, from, 2);
      FloatVector w3 = load(weights, from, 3);
      FloatVector w4 = load(weights, from, 4);
      FloatVector w5 = load(weights, from, 5);
      FloatVector w6 = load(weights, from, 6);
      FloatVector w7 = load(weights, from, 7);
      for (; p < to; p++) {
        int row = at + rowOf[p] * columns;
        FloatVector value = FloatVector.broadcast(SPECIES, values[p]);
        add(value, w0, out, row);
        add(value, w1, out, row + LENGTH);
        add(value, w2, out, row + 2 * LENGTH);
        add(value, w3, out, row + 3 * LENGTH);
        add(value, w4, out, row + 4 * LENGTH);
        add(value, w5, out, row + 5 * LENGTH);
        add(value, w6, out, row + 6 * LENGTH);
        add(value, w7, out, row + 7 * LENGTH);
      }
    }
  }

  private void add4(CodesByLatent index, int column, int at) {
    MemorySegment weights = wDec.segment();
    int[] rowOf = index.rows();
    float[] out = blocks;
    for (int i = 0; i < index.latents(); i++) {
      int p = index.from(i);
      int to = index.to(i);
      if (p == to) {
        continue;
      }
      long from = wDec.rowOffset(i) + 4L * column;
      FloatVector w0 = load(weights, from, 0);
      FloatVector w1 = load(weights, from, 1);
      FloatVector w2 = load(weights, from, 2);
      FloatVector w3 = load(weights, from, 3);
      for (; p < to; p++) {
        int row = at + rowOf[p] * columns;
        FloatVector value = FloatVector.broadcast(SPECIES, values[p]);
        add(value, w0, out, row);
        add(value, w1, out, row + LENGTH);
        add(value, w2, out, row + 2 * LENGTH);
        add(value, w3, out, row + 3 * LENGTH);
      }
    }
  }

  private void add1(CodesByLatent index, int column, int at) {
    MemorySegment weights = wDec.segment();
    int[] rowOf = index.rows();
    for (int i = 0; i < index.latents(); i++) {
      int p = index.from(i);
      int to = index.to(i);
      if (p == to) {
        continue;
      }
      FloatVector w = load(weights, wDec.rowOffset(i) + 4L * column, 0);
      for (; p < to; p++) {
        add(FloatVector.broadcast(SPECIES, values[p]), w, blocks, at + rowOf[p] * columns);
      }
    }
  }

  private void addColumn(CodesByLatent index, int column, int at) {
    MemorySegment weights = wDec.segment();
    int[] rowOf = index.rows();
    for (int i = 0; i < index.latents(); i++) {
      int p = index.from(i);
      int to = index.to(i);
      if (p == to) {
        continue;
      }
      float w = weights.get(Matrix.FLOAT, wDec.rowOffset(i) + 4L * column);
      for (; p < to; p++) {
        int row = at + rowOf[p] * columns;
        blocks[row] = Math.fma(values[p], w, blocks[row]);
      }
    }
  }

  private static FloatVector load(MemorySegment weights, long from, int vector) {
    return FloatVector.fromMemorySegment(SPECIES, weights, from + 4L * LENGTH * vector, NATIVE);
  }

  private static void add(FloatVector value, FloatVector weight, float[] out, int at) {
    value.fma(weight, FloatVector.fromArray(SPECIES, out, at)).intoArray(out, at);
  }
}
