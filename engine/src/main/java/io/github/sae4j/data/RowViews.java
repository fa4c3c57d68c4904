package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * Views of sources: some rows, two sources as pairs of rows, the one or the other row of pairs.
 * Closing a view leaves its sources open, but for {@link #pairs}.
 *
 * <p>Row i of pairs is row i of the first source, the input, followed by row i of the second. So
 * whatever is done to rows is done to both: they are shuffled, masked, held out and left out
 * together.
 */
public final class RowViews {
  private RowViews() {}

  /**
   * Pairs rows.
   *
   * @param inputs the inputs
   * @param others as many rows, of any width
   * @return the pairs; closing them closes both
   * @throws IllegalArgumentException if the numbers of rows differ, or rows are too wide together
   */
  public static ActivationSource pairs(ActivationSource inputs, ActivationSource others) {
    if (inputs.rows() != others.rows()) {
      throw new IllegalArgumentException(
          "pairs: expected as many rows as the "
              + inputs.rows()
              + " activations, one for each, got "
              + others.rows());
    }
    if ((long) inputs.width() + others.width() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "pairs: expected less than 2^31 values in both rows, got "
              + inputs.width()
              + " and "
              + others.width());
    }
    return new Paired(inputs, others);
  }

  /**
   * The inputs of rows that may be pairs.
   *
   * @param rows a source, or a view of some of its rows
   * @return a view of the leading {@code inputWidth()} values; closing it leaves the rows open
   */
  public static ActivationSource inputs(ActivationSource rows) {
    return rows.inputWidth() == rows.width() ? rows : new Columns(rows, 0, rows.inputWidth());
  }

  /**
   * The other rows of pairs.
   *
   * @param rows pairs, or a view of some of them
   * @return a view of the values after the first {@code inputWidth()}; closing it leaves the rows
   *     open
   * @throws IllegalArgumentException if the rows are not pairs
   */
  public static ActivationSource others(ActivationSource rows) {
    if (rows.inputWidth() == rows.width()) {
      throw new IllegalArgumentException("rows: expected pairs, got rows that are inputs alone");
    }
    return new Columns(rows, rows.inputWidth(), rows.width());
  }

  /**
   * Some rows of a source.
   *
   * @param rows how many
   * @param sourceRow the source's row of each
   */
  static ActivationSource selected(
      ActivationSource source, long rows, LongUnaryOperator sourceRow) {
    return new Selected(source, rows, sourceRow);
  }

  /** Copies columns of the first rows. */
  private static void copy(
      Matrix from, int fromColumn, Matrix to, int toColumn, int rows, int columns) {
    for (int b = 0; b < rows; b++) {
      MemorySegment.copy(
          from.segment(),
          from.rowOffset(b) + (long) fromColumn * Float.BYTES,
          to.segment(),
          to.rowOffset(b) + (long) toColumn * Float.BYTES,
          (long) columns * Float.BYTES);
    }
  }

  /** Some rows of a source, renumbered from 0. Origins are those of the source. */
  private static final class Selected implements ActivationSource {
    private final ActivationSource source;
    private final long rows;
    private final LongUnaryOperator sourceRow;

    Selected(ActivationSource source, long rows, LongUnaryOperator sourceRow) {
      this.source = source;
      this.rows = rows;
      this.sourceRow = sourceRow;
    }

    @Override
    public long rows() {
      return rows;
    }

    @Override
    public int width() {
      return source.width();
    }

    @Override
    public int inputWidth() {
      return source.inputWidth();
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      RowChecks.ids(rowIds, count, rows);
      long[] ids = new long[count];
      for (int i = 0; i < count; i++) {
        ids[i] = sourceRow.applyAsLong(rowIds[i]);
      }
      source.read(ids, count, target);
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      RowChecks.range(first, count, rows);
      long[] ids = new long[count];
      for (int i = 0; i < count; i++) {
        ids[i] = sourceRow.applyAsLong(first + i);
      }
      source.read(ids, count, target);
    }

    @Override
    public void expectAnyOrder() throws IOException {
      source.expectAnyOrder();
    }

    @Override
    public boolean readsInPlace() {
      return source.readsInPlace();
    }

    @Override
    public double stored(long row, int column) throws IOException {
      RowChecks.row(row, rows);
      return source.stored(sourceRow.applyAsLong(row), column);
    }

    @Override
    public RowOrigin origin(long row) {
      RowChecks.row(row, rows);
      return source.origin(sourceRow.applyAsLong(row));
    }

    @Override
    public RowOrigin.Value origin(long row, int column) {
      RowChecks.row(row, rows);
      return source.origin(sourceRow.applyAsLong(row), column);
    }

    @Override
    public DataIdentity identity() throws IOException {
      DataIdentity whole = source.identity();
      String layout = rows + " rows of " + whole.shapes();
      return DataIdentity.sample(this, whole.types(), List.of(layout), new long[0]);
    }

    @Override
    public void close() {}
  }

  /** Two sources side by side. */
  private record Paired(ActivationSource inputs, ActivationSource others)
      implements ActivationSource {
    @Override
    public long rows() {
      return inputs.rows();
    }

    @Override
    public int width() {
      return inputs.width() + others.width();
    }

    @Override
    public int inputWidth() {
      return inputs.width();
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      try (OffHeap memory = new OffHeap()) {
        int at = 0;
        for (ActivationSource source : List.of(inputs, others)) {
          Matrix part = memory.matrix(count, source.width());
          source.read(rowIds, count, part);
          copy(part, 0, target, at, count, source.width());
          at += source.width();
        }
      }
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      try (OffHeap memory = new OffHeap()) {
        int at = 0;
        for (ActivationSource source : List.of(inputs, others)) {
          Matrix part = memory.matrix(count, source.width());
          source.readRange(first, count, part);
          copy(part, 0, target, at, count, source.width());
          at += source.width();
        }
      }
    }

    @Override
    public void expectAnyOrder() throws IOException {
      inputs.expectAnyOrder();
      others.expectAnyOrder();
    }

    @Override
    public boolean readsInPlace() {
      return inputs.readsInPlace() && others.readsInPlace();
    }

    @Override
    public double stored(long row, int column) throws IOException {
      return column < inputs.width()
          ? inputs.stored(row, column)
          : others.stored(row, column - inputs.width());
    }

    @Override
    public RowOrigin origin(long row) {
      return inputs.origin(row);
    }

    @Override
    public RowOrigin.Value origin(long row, int column) {
      return column < inputs.width()
          ? inputs.origin(row, column)
          : others.origin(row, column - inputs.width());
    }

    @Override
    public DataIdentity identity() throws IOException {
      DataIdentity first = inputs.identity();
      DataIdentity second = others.identity();
      return DataIdentity.sample(
          this,
          first.types() + " and " + second.types(),
          List.of(first.shapes() + " " + first.content(), second.shapes() + " " + second.content()),
          new long[0]);
    }

    @Override
    public void close() throws IOException {
      try (others) {
        inputs.close();
      }
    }
  }

  /** Some values of every row. */
  private record Columns(ActivationSource source, int from, int to) implements ActivationSource {
    @Override
    public long rows() {
      return source.rows();
    }

    @Override
    public int width() {
      return to - from;
    }

    @Override
    public void read(long[] rowIds, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      try (OffHeap memory = new OffHeap()) {
        Matrix whole = memory.matrix(count, source.width());
        source.read(rowIds, count, whole);
        copy(whole, from, target, 0, count, width());
      }
    }

    @Override
    public void readRange(long first, int count, Matrix target) throws IOException {
      RowChecks.target(count, target, width());
      try (OffHeap memory = new OffHeap()) {
        Matrix whole = memory.matrix(count, source.width());
        source.readRange(first, count, whole);
        copy(whole, from, target, 0, count, width());
      }
    }

    @Override
    public void expectAnyOrder() throws IOException {
      source.expectAnyOrder();
    }

    @Override
    public boolean readsInPlace() {
      return source.readsInPlace();
    }

    @Override
    public double stored(long row, int column) throws IOException {
      return source.stored(row, from + column);
    }

    @Override
    public RowOrigin origin(long row) {
      return origin(row, 0).row();
    }

    @Override
    public RowOrigin.Value origin(long row, int column) {
      return source.origin(row, from + column);
    }

    @Override
    public DataIdentity identity() throws IOException {
      DataIdentity whole = source.identity();
      String layout = "columns " + from + " to " + to + " of " + whole.shapes();
      return DataIdentity.sample(this, whole.types(), List.of(layout), new long[0]);
    }

    @Override
    public void close() {}
  }
}
