package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import io.github.sae4j.internal.files.ByteSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * Presents a view with any strides as row-major bytes. The range that the view spans is read into
 * off-heap memory when its elements are first read, and kept until the view is closed, within what
 * all open files may hold together.
 */
final class StridedSource implements ByteSource, AutoCloseable {
  private final Path path;
  private final ByteSource source;
  private final long start;
  private final long span;
  private final long[] shape;
  private final long[] strides;
  private final int size;
  private Arena arena;
  private MemorySegment window;

  /**
   * A view that has been checked to lie within the source.
   *
   * @param path the file, for messages
   * @param source the storage's bytes
   * @param start first byte of the view
   * @param span bytes from there to the end of its last element
   * @param shape sizes, none 0
   * @param strides in elements
   * @param size bytes of an element
   */
  StridedSource(
      Path path,
      ByteSource source,
      long start,
      long span,
      List<Long> shape,
      List<Long> strides,
      int size) {
    this.path = path;
    this.source = source;
    this.start = start;
    this.span = span;
    this.shape = shape.stream().mapToLong(Long::longValue).toArray();
    this.strides = strides.stream().mapToLong(Long::longValue).toArray();
    this.size = size;
  }

  /** {@code position} and the target's size are multiples of the element size. */
  @Override
  public void read(long position, MemorySegment target) throws IOException {
    MemorySegment from = window();
    long[] index = new long[shape.length];
    long at = 0;
    long rest = position / size;
    for (int i = shape.length - 1; i >= 0; i--) {
      index[i] = rest % shape[i];
      rest /= shape[i];
      at += index[i] * strides[i];
    }
    long count = target.byteSize() / size;
    for (long done = 0; done < count; done++) {
      MemorySegment.copy(from, at * size, target, done * size, size);
      for (int i = shape.length - 1; i >= 0; i--) {
        at += strides[i];
        if (++index[i] < shape[i]) {
          break;
        }
        at -= shape[i] * strides[i];
        index[i] = 0;
      }
    }
  }

  @Override
  public long held() {
    return span;
  }

  private synchronized MemorySegment window() throws IOException {
    if (window == null) {
      if (!HeldMemory.reserve(span)) {
        throw new BadFileException(
            path,
            "a tensor's rows do not lie together, and its "
                + span
                + " bytes, with other open files, are more than the "
                + HeldMemory.most()
                + " that are held in memory; save its .contiguous() copy, or start Java with -D"
                + HeldMemory.PROPERTY
                + "=BYTES");
      }
      Arena opened = Arena.ofShared();
      try {
        MemorySegment read = allocate(opened);
        source.read(start, read);
        window = read;
        arena = opened;
      } finally {
        if (window == null) {
          opened.close();
          HeldMemory.release(span);
        }
      }
    }
    return window;
  }

  private MemorySegment allocate(Arena opened) throws IOException {
    try {
      return opened.allocate(span, Long.BYTES);
    } catch (OutOfMemoryError e) {
      // Only this one allocation failed.
      throw new IOException(path + ": no memory for " + span + " bytes of a strided tensor", e);
    }
  }

  /** Frees the window; reading afterwards throws {@link IllegalStateException}. */
  @Override
  public synchronized void close() {
    if (window != null && window.scope().isAlive()) {
      arena.close();
      HeldMemory.release(span);
    }
  }
}
