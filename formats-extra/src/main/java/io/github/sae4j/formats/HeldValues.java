package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Values that can only be decoded from front to back. They are decoded once, when they are first
 * asked for, and held until the file is closed; if there is no room for that within what all open
 * files may hold together ({@link HeldMemory}), reads must go on from one another or from the
 * start.
 */
final class HeldValues implements AutoCloseable {
  /** A pass over all values. */
  interface Decoder extends AutoCloseable {
    /**
     * The next bytes.
     *
     * @param target filled
     */
    void next(MemorySegment target) throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Starts a pass. */
  interface Start {
    Decoder begin() throws IOException;
  }

  /** Passes from the start that a reader may cause. */
  private static final int MOST_PASSES = 64;

  private static final int STEP = 1 << 16;

  private final Path path;
  private final String what;
  private final long bytes;
  private final Start start;
  private final Arena arena = Arena.ofShared();
  private boolean reserved;
  private boolean closed;
  private MemorySegment room;
  private MemorySegment held;
  private Decoder pass;
  private long reached;
  private int passes;

  /**
   * Values of a column.
   *
   * @param bytes how many there are in all
   */
  HeldValues(Path path, String what, long bytes, Start start) {
    this.path = path;
    this.what = what;
    this.bytes = bytes;
    this.start = start;
  }

  long held() {
    return bytes;
  }

  void read(long position, MemorySegment target) throws IOException {
    if (hold()) {
      MemorySegment.copy(all(), position, target, 0, target.byteSize());
    } else {
      inSequence(position, target);
    }
  }

  /** Whether the values are held, or may be from now on. */
  private synchronized boolean hold() throws IOException {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
    if (!reserved && HeldMemory.reserve(bytes)) {
      reserved = true;
      closePass();
    }
    return reserved;
  }

  private synchronized MemorySegment all() throws IOException {
    if (held == null) {
      try {
        room = room == null ? arena.allocate(bytes, Long.BYTES) : room; // a pass may have failed
      } catch (OutOfMemoryError e) {
        throw new IOException(path + ": no memory to hold " + bytes + " bytes of " + what, e);
      }
      try (Decoder decoder = start.begin()) {
        for (long done = 0; done < bytes; done += STEP) {
          decoder.next(room.asSlice(done, Math.min(STEP, bytes - done)));
        }
      }
      held = room;
    }
    return held;
  }

  private synchronized void inSequence(long position, MemorySegment target) throws IOException {
    if (pass == null || position < reached) {
      closePass();
      passes++;
      if (passes > MOST_PASSES) {
        throw new BadFileException(
            path,
            what
                + ": of "
                + bytes
                + " bytes, with other open files more than the "
                + HeldMemory.most()
                + " that are held decoded, it can only be read from front to back; start Java with"
                + " -D"
                + HeldMemory.PROPERTY
                + "=BYTES, or save it as npy or safetensors");
      }
      pass = start.begin();
      reached = 0;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment skipped = scratch.allocate(STEP, Long.BYTES);
      while (reached < position) {
        advance(skipped.asSlice(0, Math.min(STEP, position - reached)));
      }
    }
    advance(target);
  }

  /** A pass that failed is over: how far it came is not known. */
  private void advance(MemorySegment target) throws IOException {
    try {
      pass.next(target);
    } catch (IOException | RuntimeException e) {
      closePass();
      throw e;
    }
    reached += target.byteSize();
  }

  private void closePass() throws IOException {
    if (pass != null) {
      pass.close();
      pass = null;
    }
  }

  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      closePass();
    } finally {
      arena.close();
      if (reserved) {
        HeldMemory.release(bytes);
      }
    }
  }
}
