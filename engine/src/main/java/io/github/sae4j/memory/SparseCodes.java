package io.github.sae4j.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The sparse code of a batch: for every row the {@code k} selected latents in ascending order and
 * their values. Indices are {@code i32 [rows, k]}, values {@code f32 [rows, k]}, both row-major
 * outside the heap.
 */
public final class SparseCodes {
  /** Layout of an index: native {@code int}, any alignment. */
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  private final MemorySegment indices;
  private final MemorySegment values;
  private final int rows;
  private final int k;

  SparseCodes(MemorySegment indices, MemorySegment values, int rows, int k) {
    this.indices = indices;
    this.values = values;
    this.rows = rows;
    this.k = k;
  }

  /**
   * Number of rows (samples).
   *
   * @return rows
   */
  public int rows() {
    return rows;
  }

  /**
   * Codes per row.
   *
   * @return k
   */
  public int k() {
    return k;
  }

  /**
   * The indices, {@code 4 rows k} bytes.
   *
   * @return native segment of native-order ints
   */
  public MemorySegment indices() {
    return indices;
  }

  /**
   * The values, {@code 4 rows k} bytes.
   *
   * @return native segment of native-order floats
   */
  public MemorySegment values() {
    return values;
  }

  /**
   * A selected latent.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, k)}
   * @return its index in {@code [0, d_sae)}
   */
  public int index(int row, int slot) {
    return indices.get(INT, offset(row, slot));
  }

  /**
   * A selected latent's value.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, k)}
   * @return its value
   */
  public float value(int row, int slot) {
    return values.get(Matrix.FLOAT, offset(row, slot));
  }

  /**
   * Sets one slot.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, k)}
   * @param index latent
   * @param value its value
   */
  public void set(int row, int slot, int index, float value) {
    long offset = offset(row, slot);
    indices.set(INT, offset, index);
    values.set(Matrix.FLOAT, offset, value);
  }

  /**
   * The first rows of these codes, on the same memory.
   *
   * @param count number of rows in {@code [0, rows]}
   * @return a view of {@code [count, k]}
   */
  public SparseCodes firstRows(int count) {
    return rows(0, count);
  }

  /**
   * Consecutive rows of these codes, on the same memory.
   *
   * @param from first row
   * @param count number of rows; {@code from + count} at most {@code rows}
   * @return a view of {@code [count, k]}
   */
  public SparseCodes rows(int from, int count) {
    if (from < 0 || count < 0 || count > rows - from) {
      throw new IllegalArgumentException(
          "rows: expected a range within [0, " + rows + "), got " + from + " + " + count);
    }
    long at = (long) from * k * 4;
    long bytes = (long) count * k * 4;
    return new SparseCodes(indices.asSlice(at, bytes), values.asSlice(at, bytes), count, k);
  }

  @Override
  public String toString() {
    return "SparseCodes[" + rows + ", " + k + "]";
  }

  private long offset(int row, int slot) {
    if (row < 0 || row >= rows || slot < 0 || slot >= k) {
      throw new IndexOutOfBoundsException(
          "(" + row + ", " + slot + ") is outside [" + rows + ", " + k + "]");
    }
    return ((long) row * k + slot) * 4;
  }
}
