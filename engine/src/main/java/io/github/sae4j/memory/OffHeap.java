package io.github.sae4j.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * A group of off-heap allocations that are freed together: one for a model, one for a training run.
 * Closing a shared arena costs every thread of the VM, so never open one for a batch.
 *
 * <p>Every block is zeroed, starts on a 64-byte boundary and has 64 spare bytes in front, so that
 * the same memory can serve vector loads and, with a 16-byte header written into the spare bytes, a
 * GPU runtime that wants one.
 *
 * <p>Big blocks are placed in huge pages where the system offers them, see {@link HugePages}.
 *
 * <p>After {@link #close()} every use of its matrices throws {@link IllegalStateException}.
 */
public final class OffHeap implements AutoCloseable {
  /** Alignment of every block and size of the pad in front of it, in bytes. */
  public static final int ALIGNMENT = 64;

  /**
   * Threads that will work on the memory, each on a part of every block. The system places a page
   * near the core that touches it first, which matters on machines of several memory nodes.
   */
  @FunctionalInterface
  public interface FirstTouch {
    /**
     * Touches the pages of a new block.
     *
     * @param pages number of pages
     * @param touch writes one page; each is to be called once, by the thread that will use the page
     */
    void run(int pages, IntConsumer touch);
  }

  private final Arena arena = Arena.ofShared();
  private final FirstTouch firstTouch;
  private long bytes;

  /** Opens an empty group whose memory any thread may use. */
  public OffHeap() {
    this(
        (pages, touch) -> {
          for (int page = 0; page < pages; page++) {
            touch.accept(page);
          }
        });
  }

  /**
   * Opens an empty group for certain threads; any may use it.
   *
   * @param firstTouch touches the pages of big blocks, in huge pages ({@link HugePages}); others
   *     are touched by the thread that allocates them
   */
  public OffHeap(FirstTouch firstTouch) {
    this.firstTouch = Objects.requireNonNull(firstTouch, "first touch");
  }

  /**
   * Allocates a zeroed matrix.
   *
   * @param rows number of rows, at least 0
   * @param cols number of columns, at least 1
   * @return a matrix of {@code [rows, cols]} zeros, valid until this group is closed
   * @throws IllegalArgumentException if a size is out of range
   * @throws OutOfMemoryError if the system has no memory left
   */
  public Matrix matrix(int rows, int cols) {
    Matrix.checkShape(rows, cols);
    long size = (long) rows * cols * Float.BYTES;
    MemorySegment padded = padded(size);
    return new Matrix(padded.asSlice(ALIGNMENT, size), padded, rows, cols);
  }

  /**
   * Allocates a zeroed vector, a matrix of one row.
   *
   * @param length number of elements, at least 1
   * @return a matrix of {@code [1, length]} zeros
   */
  public Matrix vector(int length) {
    return matrix(1, length);
  }

  /**
   * Allocates sparse codes for a batch.
   *
   * @param rows number of rows (samples), at least 0
   * @param perRow initial capacity in codes per row, at least 0; rows may take more or fewer, and
   *     memory grows as needed
   * @return codes of {@code rows} empty rows
   */
  public SparseCodes codes(int rows, int perRow) {
    long codes = (long) rows * perRow;
    if (rows < 0 || perRow < 0 || codes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "codes: expected at least 0 rows of at least 0, fewer than 2^31 in all, got "
              + rows
              + " rows of "
              + perRow);
    }
    return new SparseCodes(this, rows, (int) codes);
  }

  /**
   * Allocates a block of raw memory.
   *
   * @param size bytes, at least 0
   * @return a zeroed segment of exactly {@code size} bytes on a 64-byte boundary
   */
  public MemorySegment block(long size) {
    return padded(size).asSlice(ALIGNMENT, size);
  }

  private synchronized MemorySegment padded(long size) {
    if (size < 0) {
      throw new IllegalArgumentException("size: expected at least 0 bytes, got " + size);
    }
    long whole = Math.addExact(size, 2L * ALIGNMENT);
    MemorySegment padded = HugePages.allocate(arena, whole, firstTouch);
    if (padded == null) {
      padded = arena.allocate(whole, ALIGNMENT);
    }
    bytes += padded.byteSize();
    return padded;
  }

  /** {@return the number of bytes allocated so far, pads included} */
  public synchronized long bytes() {
    return bytes;
  }

  /**
   * Frees all memory of this group; a second call does nothing.
   *
   * @throws IllegalStateException if another thread is inside a kernel on this memory
   */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
