package io.github.sae4j.internal.jobs;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/** Buffers for a chunk of rows; those that a job does not need are null. */
final class Slot {
  /** Capacity in rows. */
  final int room;

  private final Matrix x;
  private final Matrix target;
  private final Matrix out;
  private final SparseCodes codes;
  private long first;
  private int count;

  /**
   * A slot.
   *
   * @param x input rows {@code [room, d_in]}
   * @param target target rows of the outputs {@code [room, d_out]}
   * @param out output rows {@code [room, d_out]}
   * @param codes their codes
   */
  Slot(int room, Matrix x, Matrix target, Matrix out, SparseCodes codes) {
    this.room = room;
    this.x = x;
    this.target = target;
    this.out = out;
    this.codes = codes;
  }

  /** Sets the next rows. */
  void take(long firstRow, int rows) {
    first = firstRow;
    count = rows;
  }

  /** The first row's number. */
  long first() {
    return first;
  }

  /** Number of rows. */
  int count() {
    return count;
  }

  Matrix x() {
    return x.firstRows(count);
  }

  Matrix target() {
    return target.firstRows(count);
  }

  Matrix out() {
    return out.firstRows(count);
  }

  SparseCodes codes() {
    return codes.firstRows(count);
  }
}
