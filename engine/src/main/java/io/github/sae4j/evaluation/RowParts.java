package io.github.sae4j.evaluation;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.kernels.Kernels;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.numerics.OrderedSums;
import java.io.IOException;

/** Work on rows that a device's threads share by runs of rows. */
final class RowParts {
  /** Rows of a part: a block of sums (numerics rule 5). */
  static final int ROWS = OrderedSums.BLOCK;

  /** Work on a run of rows. */
  @FunctionalInterface
  interface Part {
    /**
     * Works on some rows.
     *
     * @param part number of the part
     * @param from its first row
     * @param count how many rows it has
     */
    void run(int part, int from, int count) throws IOException;
  }

  private RowParts() {}

  /**
   * Shares rows.
   *
   * @param host runs parts at the same time
   * @param begin where the first part would begin, at most 0: it has the rows from 0 on
   * @param rows how many rows there are
   * @param work does each part, in any order
   * @throws IOException of the first part that failed, as if they had run in order
   */
  static void run(Kernels host, int begin, int rows, Part work) throws IOException {
    int parts = Math.ceilDiv(rows - begin, ROWS);
    IOException[] failures = new IOException[parts];
    host.onHost(
        parts,
        part -> {
          int from = Math.max(0, begin + part * ROWS);
          int to = Math.min(rows, begin + (part + 1) * ROWS);
          try {
            work.run(part, from, to - from);
          } catch (IOException e) {
            failures[part] = e;
          }
        });
    for (IOException failure : failures) {
      if (failure != null) {
        throw failure;
      }
    }
  }

  /**
   * Reads consecutive rows, by all threads where the source lets them.
   *
   * @param host runs parts at the same time
   * @param source the rows
   * @param first the first of them
   * @param x receives as many as it has rows
   */
  static void read(Kernels host, ActivationSource source, long first, Matrix x) throws IOException {
    if (source.readsInPlace()) {
      run(
          host,
          0,
          x.rows(),
          (part, from, count) -> source.readRange(first + from, count, x.rows(from, count)));
    } else {
      source.readRange(first, x.rows(), x);
    }
  }
}
