package io.github.sae4j.data;

import io.github.sae4j.memory.Matrix;

/** The input checks that all sources share. */
final class RowChecks {
  private RowChecks() {}

  static void target(int count, Matrix target, int width) {
    if (target.cols() != width) {
      throw new IllegalArgumentException(
          "target: expected " + width + " columns, got " + target.shape());
    }
    if (count < 0 || count > target.rows()) {
      throw new IllegalArgumentException(
          "count: expected 0 to the target's " + target.rows() + " rows, got " + count);
    }
  }

  static void ids(long[] rowIds, int count, long rows) {
    if (count > rowIds.length) {
      throw new IllegalArgumentException(
          "rowIds: expected at least " + count + " rows, got " + rowIds.length);
    }
    for (int i = 0; i < count; i++) {
      row(rowIds[i], rows);
    }
  }

  static void row(long row, long rows) {
    if (row < 0 || row >= rows) {
      throw new IllegalArgumentException("row: expected [0, " + rows + "), got " + row);
    }
  }

  static void range(long first, int count, long rows) {
    if (first < 0 || count < 0 || first > rows - count) {
      throw new IllegalArgumentException(
          "rows: expected a range within [0, " + rows + "), got " + first + " + " + count);
    }
  }
}
