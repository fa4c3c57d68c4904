package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;

/**
 * Rows of activations, numbered once from 0. Reading is thread-safe and repeatable: a source is
 * data, not a stream.
 */
public interface ActivationSource extends AutoCloseable {
  /** {@return the number of rows over all files, at least 1} */
  long rows();

  /**
   * Number of values in a row.
   *
   * @return {@code d_in}, at least 1
   */
  int width();

  /**
   * Number of leading values of a row that are the input; where rows are pairs ({@link RowViews})
   * those of the other row follow them.
   *
   * @return {@code width()}, unless rows are pairs
   */
  default int inputWidth() {
    return width();
  }

  /**
   * Reads rows in any order; a row may be named more than once.
   *
   * @param rowIds row of each target row, in {@code [0, rows)}
   * @param count how many of {@code rowIds} to read, at most {@code target.rows()}
   * @param target {@code [>= count, width]}; its row {@code i} receives row {@code rowIds[i]}
   * @throws IllegalArgumentException if a size or a row is out of range
   * @throws IOException if reading fails; {@link io.github.sae4j.format.BadFileException} if a file
   *     was truncated or otherwise changed
   */
  void read(long[] rowIds, int count, Matrix target) throws IOException;

  /**
   * Reads consecutive rows.
   *
   * @param first first row, in {@code [0, rows - count]}
   * @param count number of rows, at most {@code target.rows()}
   * @param target {@code [>= count, width]}; its row {@code i} receives row {@code first + i}
   * @throws IllegalArgumentException if a size or a row is out of range
   * @throws IOException as for {@link #read}
   */
  void readRange(long first, int count, Matrix target) throws IOException;

  /**
   * Checks that rows can be read in any order as often as one likes. Evaluation reads from front to
   * back, training does not.
   *
   * @throws io.github.sae4j.format.BadFileException if that would take more memory than is allowed
   * @throws IOException if reading fails
   */
  default void expectAnyOrder() throws IOException {}

  /**
   * Whether rows are read where they lie: several threads may then read different rows at the same
   * time, and rows in any order cost what they cost in order. Where not, which is what sources are
   * taken for that do not say, evaluation reads from front to back by one thread.
   *
   * @return true if nothing has to be decoded on the way to a row
   */
  default boolean readsInPlace() {
    return false;
  }

  /**
   * A value as it is stored, before it became {@code f32}; for messages.
   *
   * @param row in {@code [0, rows)}
   * @param column in {@code [0, width)}
   * @return the value
   * @throws IllegalArgumentException if row or column is out of range
   * @throws IOException as for {@link #read}
   */
  default double stored(long row, int column) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix one = memory.matrix(1, width());
      readRange(row, 1, one);
      return one.get(0, column);
    }
  }

  /**
   * Where a row came from.
   *
   * @param row in {@code [0, rows)}
   * @return its file and the row within it
   * @throws IllegalArgumentException if the row is out of range
   */
  RowOrigin origin(long row);

  /**
   * Where a value came from, for sources whose rows come from several places.
   *
   * @param row in {@code [0, rows)}
   * @param column in {@code [0, width)}
   * @return the file, the row within it and the column within that
   * @throws IllegalArgumentException if row or column is out of range
   */
  default RowOrigin.Value origin(long row, int column) {
    return new RowOrigin.Value(origin(row), column);
  }

  /**
   * The identity of this data, independent of its location. Reads a bounded number of rows.
   *
   * @return shapes, types and a hash of sampled content
   * @throws IOException if reading fails
   */
  DataIdentity identity() throws IOException;

  /**
   * Releases what the source owns.
   *
   * @throws IOException if closing a file fails
   */
  @Override
  void close() throws IOException;
}
