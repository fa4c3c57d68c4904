package io.github.sae4j.internal.jobs;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;

/** Room for a chunk of rows on its way through a job; what a job does not need is null. */
final class Slot {
  /** Rows that the room is for. */
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
   * @param target rows that outputs stand for {@code [room, d_out]}
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

  /** Says which rows come next. */
  void take(long firstRow, int rows) {
    first = firstRow;
    count = rows;
  }

  /** The first row's number. */
  long first() {
    return first;
  }

  /** How many rows there are. */
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
