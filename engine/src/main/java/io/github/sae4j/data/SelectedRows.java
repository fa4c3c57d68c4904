package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * Some rows of a source, renumbered from 0. Origins are those of the source. Closing it does not
 * close the source.
 */
final class SelectedRows implements ActivationSource {
  private final ActivationSource source;
  private final long rows;
  private final LongUnaryOperator sourceRow;

  SelectedRows(ActivationSource source, long rows, LongUnaryOperator sourceRow) {
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
