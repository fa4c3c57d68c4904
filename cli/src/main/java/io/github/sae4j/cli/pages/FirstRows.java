package io.github.sae4j.cli.pages;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.memory.Matrix;
import java.io.IOException;

/**
 * The first rows of a source.
 *
 * @param all the source, which is closed with this
 * @param rows how many, at most those of the source
 */
record FirstRows(ActivationSource all, long rows) implements ActivationSource {
  @Override
  public int width() {
    return all.width();
  }

  @Override
  public int inputWidth() {
    return all.inputWidth();
  }

  @Override
  public RowOrigin.Value origin(long row, int column) {
    return all.origin(row, column);
  }

  @Override
  public double stored(long row, int column) throws IOException {
    return all.stored(row, column);
  }

  @Override
  public void read(long[] rowIds, int count, Matrix target) throws IOException {
    all.read(rowIds, count, target);
  }

  @Override
  public void readRange(long first, int count, Matrix target) throws IOException {
    all.readRange(first, count, target);
  }

  @Override
  public boolean readsInPlace() {
    return all.readsInPlace();
  }

  @Override
  public RowOrigin origin(long row) {
    return all.origin(row);
  }

  @Override
  public DataIdentity identity() throws IOException {
    return all.identity();
  }

  @Override
  public void close() throws IOException {
    all.close();
  }
}
