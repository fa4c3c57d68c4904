package io.github.sae4j.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The sparse codes of a batch in compressed rows (CSR): for every row the active latents in
 * ascending order and their values. Rows may hold different numbers of latents. Codes are stored
 * off-heap, row after row without gaps: code {@code p} of the batch is element {@code p} of {@link
 * #indices} (i32) and of {@link #values} (f32), and row b holds the codes from {@code start(b)} to
 * {@code start(b + 1)}.
 *
 * <p>The writer decides how many latents a row takes: with {@link #setRow} and {@link #setRows},
 * which grow the memory as needed, or with {@link #equalRows}, which gives all rows the same length
 * before they are filled. A row begins where the row before it ends, so rows of unknown length are
 * written in ascending order; a row that has not been written is empty. Writing a row with another
 * length than it had makes all rows after it empty.
 *
 * <p>Views of consecutive rows ({@link #rows}) share the memory: chunks of a batch can be written
 * one after the other. Rows that keep their length may be written by several threads at once; no
 * other write may overlap with any use of the same memory.
 *
 * <p>When capacity is exceeded, codes move to a larger block; the old one is freed with the {@link
 * OffHeap} that allocated them. Get the segments again after writing.
 */
public final class SparseCodes {
  /** Layout of an index: native {@code int}, any alignment. */
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  /** Shared by all views of one allocation. */
  private static final class Storage {
    final OffHeap memory;

    /** Position of each row's first code, and the end of the last row. */
    final int[] starts;

    /** Rows from this one on are empty; their entries in {@link #starts} are not valid. */
    int written;

    int capacity;
    MemorySegment indices;
    MemorySegment values;

    Storage(OffHeap memory, int rows, int capacity) {
      this.memory = memory;
      this.starts = new int[rows + 1];
      allocate(capacity);
    }

    private void allocate(int codes) {
      capacity = codes;
      indices = memory.block((long) codes * Integer.BYTES);
      values = memory.block((long) codes * Float.BYTES);
    }

    int start(int row) {
      return starts[Math.min(row, written)];
    }

    /** Makes room after the codes before {@code position}, which are kept. */
    void reserve(int position, long count) {
      long needed = position + count;
      if (needed <= capacity) {
        return;
      }
      if (needed > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "codes: expected fewer than 2^31 in one batch, got " + needed);
      }
      MemorySegment oldIndices = indices;
      MemorySegment oldValues = values;
      allocate((int) Math.min(Integer.MAX_VALUE, Math.max(needed, 2L * capacity)));
      MemorySegment.copy(oldIndices, 0, indices, 0, 4L * position);
      MemorySegment.copy(oldValues, 0, values, 0, 4L * position);
    }

    /** Makes the starts of rows up to {@code row} valid; rows that were not written are empty. */
    void reach(int row) {
      if (row > written) {
        Arrays.fill(starts, written + 1, row + 1, starts[written]);
        written = row;
      }
    }

    /** Sets the end of a row whose start is valid. */
    void end(int row, int position) {
      if (row < written && starts[row + 1] == position) {
        return; // the rows after it stay where they are
      }
      starts[row + 1] = position;
      written = row + 1;
    }
  }

  private final Storage storage;
  private final int first;
  private final int rows;

  SparseCodes(OffHeap memory, int rows, int capacity) {
    this(new Storage(memory, rows, capacity), 0, rows);
  }

  private SparseCodes(Storage storage, int first, int rows) {
    this.storage = storage;
    this.first = first;
    this.rows = rows;
  }

  /** {@return the number of rows (samples)} */
  public int rows() {
    return rows;
  }

  /** {@return the number of codes of all rows} */
  public int size() {
    return start(rows);
  }

  /**
   * Where a row begins.
   *
   * @param row row in {@code [0, rows]}
   * @return the position of its first code among the codes of this view; {@link #size()} for {@code
   *     row = rows}
   */
  public int start(int row) {
    if (row < 0 || row > rows) {
      throw new IndexOutOfBoundsException("row " + row + " is outside [0, " + rows + "]");
    }
    return storage.start(first + row) - storage.start(first);
  }

  /**
   * How many latents a row holds.
   *
   * @param row row in {@code [0, rows)}
   * @return codes
   */
  public int length(int row) {
    return start(row + 1) - start(row);
  }

  /**
   * Copies the starts of the rows, see {@link #start}.
   *
   * @param target receives {@code rows + 1} positions, the first of which is 0
   */
  public void readStarts(int[] target) {
    int base = storage.start(first);
    for (int row = 0; row <= rows; row++) {
      target[row] = storage.start(first + row) - base;
    }
  }

  /**
   * The latents of all codes, {@code 4 size} bytes.
   *
   * @return native segment of native-order ints, valid until codes are written
   */
  public MemorySegment indices() {
    return storage.indices.asSlice(4L * storage.start(first), 4L * size());
  }

  /**
   * The values of all codes, {@code 4 size} bytes.
   *
   * @return native segment of native-order floats, valid until codes are written
   */
  public MemorySegment values() {
    return storage.values.asSlice(4L * storage.start(first), 4L * size());
  }

  /**
   * An active latent.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, length(row))}
   * @return its index in {@code [0, d_sae)}
   */
  public int index(int row, int slot) {
    return storage.indices.get(INT, offset(row, slot));
  }

  /**
   * An active latent's value.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, length(row))}
   * @return its value
   */
  public float value(int row, int slot) {
    return storage.values.get(Matrix.FLOAT, offset(row, slot));
  }

  /**
   * Sets one slot of a row that has it already.
   *
   * @param row row in {@code [0, rows)}
   * @param slot slot in {@code [0, length(row))}
   * @param index latent
   * @param value its value
   */
  public void set(int row, int slot, int index, float value) {
    long offset = offset(row, slot);
    storage.indices.set(INT, offset, index);
    storage.values.set(Matrix.FLOAT, offset, value);
  }

  /**
   * Writes a row.
   *
   * @param row row in {@code [0, rows)}
   * @param count number of its latents
   * @param latents holds them, ascending
   * @param activations holds their values
   * @param at position of the first in both arrays
   */
  public void setRow(int row, int count, int[] latents, float[] activations, int at) {
    checkRow(row);
    storage.reach(first + row);
    int start = storage.starts[first + row];
    write(start, count, latents, activations, at);
    storage.end(first + row, start + count);
  }

  /**
   * Writes consecutive rows.
   *
   * @param row the first of them
   * @param count number of rows; {@code row + count} at most {@code rows}
   * @param starts position of each row's first code in the arrays, and the end of the last row
   * @param latents holds the rows' latents, each row ascending
   * @param activations holds their values
   */
  public void setRows(int row, int count, int[] starts, int[] latents, float[] activations) {
    checkRange(row, count);
    if (count == 0) {
      return;
    }
    storage.reach(first + row);
    int start = storage.starts[first + row];
    write(start, starts[count] - starts[0], latents, activations, starts[0]);
    for (int r = 0; r < count; r++) {
      storage.end(first + row + r, start + starts[r + 1] - starts[0]);
    }
  }

  /**
   * Gives every row of this view the same number of latents, to be filled through {@link #set},
   * {@link #setRow} or the segments, in any order. Until then their content is undefined.
   *
   * @param length latents per row, at least 0
   */
  public void equalRows(int length) {
    if (length < 0) {
      throw new IllegalArgumentException("length: expected at least 0, got " + length);
    }
    storage.reach(first);
    int start = storage.starts[first];
    storage.reserve(start, (long) rows * length);
    for (int r = 0; r < rows; r++) {
      storage.end(first + r, start + (r + 1) * length);
    }
  }

  private void write(int to, int count, int[] latents, float[] activations, int at) {
    storage.reserve(to, count);
    MemorySegment.copy(latents, at, storage.indices, INT, 4L * to, count);
    MemorySegment.copy(activations, at, storage.values, Matrix.FLOAT, 4L * to, count);
  }

  /**
   * The first rows of these codes, on the same memory.
   *
   * @param count number of rows in {@code [0, rows]}
   * @return a view of {@code count} rows
   */
  public SparseCodes firstRows(int count) {
    return rows(0, count);
  }

  /**
   * Consecutive rows of these codes, on the same memory. The view begins where the row before it
   * ends.
   *
   * @param from first row
   * @param count number of rows; {@code from + count} at most {@code rows}
   * @return a view of {@code count} rows
   */
  public SparseCodes rows(int from, int count) {
    checkRange(from, count);
    return new SparseCodes(storage, first + from, count);
  }

  /**
   * Checks that every latent exists.
   *
   * @param latents number of latents
   * @throws IllegalArgumentException if an index is outside {@code [0, latents)}; names the row
   */
  public void expectIndices(int latents) {
    MemorySegment all = storage.indices; // no slice of it, which would be allocated
    int from = storage.start(first);
    int count = size();
    int wrong = 0;
    for (int i = 0; i < count; i++) {
      int index = all.get(INT, 4L * (from + i));
      wrong |= index | latents - 1 - index; // negative if either is: no branch per code
    }
    for (int i = 0; wrong < 0 && i < count; i++) {
      int index = all.get(INT, 4L * (from + i));
      if (index < 0 || index >= latents) {
        throw new IllegalArgumentException(
            "codes: expected indices in [0, "
                + latents
                + "), got "
                + index
                + " in row "
                + rowOf(from + i));
      }
    }
  }

  /** The row of this view that holds the code at a position of the storage. */
  private int rowOf(int position) {
    int row = 0;
    while (storage.start(first + row + 1) <= position) {
      row++;
    }
    return row;
  }

  @Override
  public String toString() {
    return "SparseCodes[" + rows + " rows, " + size() + " codes]";
  }

  private void checkRow(int row) {
    if (row < 0 || row >= rows) {
      throw new IndexOutOfBoundsException("row " + row + " is outside [0, " + rows + ")");
    }
  }

  private void checkRange(int from, int count) {
    if (from < 0 || count < 0 || count > rows - from) {
      throw new IllegalArgumentException(
          "rows: expected a range within [0, " + rows + "), got " + from + " + " + count);
    }
  }

  private long offset(int row, int slot) {
    checkRow(row);
    int start = storage.start(first + row);
    int length = storage.start(first + row + 1) - start;
    if (slot < 0 || slot >= length) {
      throw new IndexOutOfBoundsException(
          "slot " + slot + " is outside the " + length + " of row " + row);
    }
    return 4L * (start + slot);
  }
}
