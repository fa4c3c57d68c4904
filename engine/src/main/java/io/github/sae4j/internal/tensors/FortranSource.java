package io.github.sae4j.internal.tensors;

import io.github.sae4j.internal.files.ByteSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Presents a column-major array as the bytes of its row-major transpose. A row is what the first
 * index selects; a column is one position in it, whatever the rank. A read takes a run of every
 * column it touches, so reads of many rows are cheap and reads of a single row cost one seek per
 * column.
 */
final class FortranSource implements ByteSource {
  /** Rows of a tile: a run of this many elements is read from each column. */
  private static final int TILE_ROWS = 4096;

  /** Columns of a tile: at least a cache line of every row is written at once. */
  private static final int TILE_COLS = 16;

  /** Rows that a piecewise reader should ask for, memory permitting. */
  private static final int CHUNK_ROWS = 512;

  private static final int MAX_CHUNK = 1 << 24;

  private final ByteSource source;
  private final long start;
  private final long rows;
  private final long cols;
  private final long[] inner;
  private final int size;

  /**
   * A view.
   *
   * @param source the column-major bytes
   * @param start position in it of the first element
   * @param shape sizes, at least two, their product fits a {@code long}
   * @param size bytes of an element: 1, 2, 4 or 8
   */
  FortranSource(ByteSource source, long start, long[] shape, int size) {
    this.source = source;
    this.start = start;
    this.size = size;
    rows = shape[0];
    inner = Arrays.copyOfRange(shape, 1, shape.length);
    cols = Arrays.stream(inner).reduce(1, (a, b) -> a * b);
  }

  /** Where a column of the row-major form is stored: its indices with the first fastest. */
  private long stored(long col) {
    if (inner.length == 1) {
      return col;
    }
    long stride = cols;
    long place = 0;
    for (int axis = inner.length - 1; axis >= 0; axis--) {
      stride /= inner[axis];
      place += col % inner[axis] * stride;
      col /= inner[axis];
    }
    return place;
  }

  /** {@code position} and the target's size are multiples of the element size. */
  @Override
  public void read(long position, MemorySegment target) throws IOException {
    long first = position / size;
    long count = target.byteSize() / size;
    long done = 0;
    while (done < count) {
      long row = (first + done) / cols;
      long col = (first + done) % cols;
      boolean whole = col == 0 && count - done >= cols;
      long height = whole ? (count - done) / cols : 1;
      long width = Math.min(cols - col, count - done);
      block(row, col, height, width, target.asSlice(done * size, height * width * size));
      done += height * width;
    }
  }

  @Override
  public long held() {
    return source.held();
  }

  @Override
  public int chunk() {
    return Math.clamp(cols * size * CHUNK_ROWS, CHUNK, MAX_CHUNK) & -8;
  }

  /** Gathers rows of a block of columns; a block that is not all columns has one row. */
  private void block(long row, long col, long height, long width, MemorySegment target)
      throws IOException {
    int tileRows = (int) Math.min(TILE_ROWS, height);
    int tileCols = (int) Math.min(TILE_COLS, width);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment tile = arena.allocate((long) tileRows * tileCols * size, Long.BYTES);
      for (long r = 0; r < height; r += tileRows) {
        int tall = (int) Math.min(tileRows, height - r);
        for (long c = 0; c < width; c += tileCols) {
          int wide = (int) Math.min(tileCols, width - c);
          for (int i = 0; i < wide; i++) {
            long at = start + (stored(col + c + i) * rows + row + r) * size;
            source.read(at, tile.asSlice((long) i * tileRows * size, (long) tall * size));
          }
          transpose(tile, tileRows, tall, wide, target, r * width + c, width);
        }
      }
    }
  }

  private void transpose(
      MemorySegment tile,
      int tileRows,
      int tall,
      int wide,
      MemorySegment target,
      long at,
      long width) {
    for (int r = 0; r < tall; r++) {
      for (int c = 0; c < wide; c++) {
        long from = ((long) c * tileRows + r) * size;
        long to = (at + r * width + c) * size;
        switch (size) {
          case 1 -> target.set(ValueLayout.JAVA_BYTE, to, tile.get(ValueLayout.JAVA_BYTE, from));
          case 2 ->
              target.set(
                  ValueLayout.JAVA_SHORT_UNALIGNED,
                  to,
                  tile.get(ValueLayout.JAVA_SHORT_UNALIGNED, from));
          case 4 ->
              target.set(
                  ValueLayout.JAVA_INT_UNALIGNED,
                  to,
                  tile.get(ValueLayout.JAVA_INT_UNALIGNED, from));
          default ->
              target.set(
                  ValueLayout.JAVA_LONG_UNALIGNED,
                  to,
                  tile.get(ValueLayout.JAVA_LONG_UNALIGNED, from));
        }
      }
    }
  }
}
