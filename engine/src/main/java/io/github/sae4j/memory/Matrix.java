package io.github.sae4j.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * A dense {@code f32} matrix outside the heap, row-major without gaps: element {@code (r, c)} lies
 * at byte {@code 4 (r cols + c)}. Offsets are {@code long}: a matrix may hold more than 2^31
 * elements.
 *
 * <p>The matrix is a view: its memory belongs to the {@link OffHeap} that allocated it.
 */
public final class Matrix {
  /** Layout of an element: native {@code float}, any alignment. */
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  private final MemorySegment segment;
  private final MemorySegment padded;
  private final int rows;
  private final int cols;

  private Matrix(MemorySegment segment, int rows, int cols) {
    this(segment, null, rows, cols);
  }

  /** A whole allocation, or a view where {@code padded} is null. */
  Matrix(MemorySegment segment, MemorySegment padded, int rows, int cols) {
    this.segment = segment;
    this.padded = padded;
    this.rows = rows;
    this.cols = cols;
  }

  static void checkShape(int rows, int cols) {
    if (rows < 0 || cols < 1) {
      throw new IllegalArgumentException(
          "shape: expected rows >= 0 and cols >= 1, got [" + rows + ", " + cols + "]");
    }
  }

  /** {@return the number of rows} */
  public int rows() {
    return rows;
  }

  /** {@return the number of columns} */
  public int cols() {
    return cols;
  }

  /** {@return the number of elements, rows times columns} */
  public long size() {
    return (long) rows * cols;
  }

  /**
   * The memory behind this matrix, {@code 4 rows cols} bytes of native-order floats.
   *
   * @return a native segment, 64-byte aligned when this matrix is a whole allocation
   */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * The memory behind this matrix with spare bytes in front, for a runtime that wants a header
   * before its data.
   *
   * @param bytes number of spare bytes, 0 to 64; their content affects nothing else
   * @return the spare bytes and then {@link #segment()}; empty if this matrix is a view, whose
   *     neighbours a header would overwrite
   */
  public Optional<MemorySegment> segmentWithHeader(int bytes) {
    if (bytes < 0 || bytes > OffHeap.ALIGNMENT) {
      throw new IllegalArgumentException(
          "bytes: expected 0 to " + OffHeap.ALIGNMENT + ", got " + bytes);
    }
    return padded == null
        ? Optional.empty()
        : Optional.of(padded.asSlice(OffHeap.ALIGNMENT - bytes, bytes + segment.byteSize()));
  }

  /**
   * Byte offset of a row.
   *
   * @param row row index
   * @return offset in bytes from the start of {@link #segment()}
   */
  public long rowOffset(int row) {
    return (long) row * cols * Float.BYTES;
  }

  /**
   * Reads one element.
   *
   * @param row row index in {@code [0, rows)}
   * @param col column index in {@code [0, cols)}
   * @return the value
   */
  public float get(int row, int col) {
    return segment.get(FLOAT, offset(row, col));
  }

  /**
   * Writes one element.
   *
   * @param row row index in {@code [0, rows)}
   * @param col column index in {@code [0, cols)}
   * @param value the value
   */
  public void set(int row, int col, float value) {
    segment.set(FLOAT, offset(row, col), value);
  }

  /**
   * The first rows of this matrix, on the same memory.
   *
   * @param count number of rows in {@code [0, rows]}
   * @return a view of {@code [count, cols]}
   */
  public Matrix firstRows(int count) {
    return rows(0, count);
  }

  /**
   * Consecutive rows of this matrix, on the same memory.
   *
   * @param from first row
   * @param count number of rows; {@code from + count} at most {@code rows}
   * @return a view of {@code [count, cols]}
   */
  public Matrix rows(int from, int count) {
    if (from < 0 || count < 0 || count > rows - from) {
      throw new IllegalArgumentException(
          "rows: expected a range within [0, " + rows + "), got " + from + " + " + count);
    }
    return new Matrix(
        segment.asSlice(rowOffset(from), (long) count * cols * Float.BYTES), count, cols);
  }

  /**
   * The first elements of a vector, on the same memory.
   *
   * @param count number of elements in {@code [1, cols]}
   * @return a view of {@code [1, count]}
   * @throws IllegalArgumentException if this matrix has not exactly one row
   */
  public Matrix firstElements(int count) {
    if (rows != 1 || count < 1 || count > cols) {
      throw new IllegalArgumentException(
          "elements: expected 1 to " + cols + " of a vector, got " + count + " of " + shape());
    }
    return new Matrix(segment.asSlice(0, (long) count * Float.BYTES), 1, count);
  }

  /**
   * Copies rows into an array.
   *
   * @param row first row
   * @param count number of rows
   * @param target receives {@code count * cols} floats
   * @param at first position in {@code target}
   */
  public void read(int row, int count, float[] target, int at) {
    MemorySegment.copy(segment, FLOAT, rowOffset(row), target, at, Math.multiplyExact(count, cols));
  }

  /**
   * Copies an array into rows.
   *
   * @param row first row
   * @param count number of rows
   * @param source holds {@code count * cols} floats
   * @param at first position in {@code source}
   */
  public void write(int row, int count, float[] source, int at) {
    MemorySegment.copy(source, at, segment, FLOAT, rowOffset(row), Math.multiplyExact(count, cols));
  }

  /**
   * Copies another matrix of the same shape into this one.
   *
   * @param source matrix of {@code [rows, cols]}
   */
  public void copyFrom(Matrix source) {
    if (source.rows != rows || source.cols != cols) {
      throw new IllegalArgumentException(
          "source: expected shape " + shape() + ", got " + source.shape());
    }
    MemorySegment.copy(source.segment, 0, segment, 0, segment.byteSize());
  }

  /**
   * Sets every element.
   *
   * @param value the value
   */
  public void fill(float value) {
    if (Float.floatToRawIntBits(value) == 0) {
      segment.fill((byte) 0);
      return;
    }
    for (long i = 0; i < size(); i++) {
      segment.set(FLOAT, i * Float.BYTES, value);
    }
  }

  /**
   * Copies the whole matrix into a new array.
   *
   * @return {@code rows * cols} floats
   * @throws ArithmeticException if that many do not fit an array
   */
  public float[] toArray() {
    float[] copy = new float[Math.toIntExact(size())];
    MemorySegment.copy(segment, FLOAT, 0, copy, 0, copy.length);
    return copy;
  }

  /**
   * The shape as text.
   *
   * @return for instance {@code [4096, 768]}
   */
  public String shape() {
    return "[" + rows + ", " + cols + "]";
  }

  @Override
  public String toString() {
    return "Matrix" + shape();
  }

  private long offset(int row, int col) {
    if (row < 0 || row >= rows || col < 0 || col >= cols) {
      throw new IndexOutOfBoundsException("(" + row + ", " + col + ") is outside " + shape());
    }
    return ((long) row * cols + col) * Float.BYTES;
  }
}
