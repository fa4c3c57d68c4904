package io.github.sae4j.report;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.DataIdentity;
import io.github.sae4j.data.RowOrigin;
import io.github.sae4j.memory.Matrix;
import java.io.IOException;

/** The first rows of a source, which stays open. */
record Head(ActivationSource all, long rows) implements ActivationSource {
  @Override
  public int width() {
    return all.width();
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
  public RowOrigin origin(long row) {
    return all.origin(row);
  }

  @Override
  public DataIdentity identity() throws IOException {
    return all.identity();
  }

  @Override
  public void close() {}
}
