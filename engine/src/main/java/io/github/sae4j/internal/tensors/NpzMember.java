package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import io.github.sae4j.internal.files.ByteSource;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * A member of a zip file. A stored member is read in place. A deflated one can only be read from
 * its start, so it is inflated as a whole, once, into memory outside the heap and checked against
 * its CRC, as long as all that is held like this stays within a bound. Beyond it a member is
 * inflated while it is read, from front to back, in hardly any memory; a reader that jumps back and
 * forth would inflate it again and again, and is refused.
 */
final class NpzMember implements ByteSource, AutoCloseable {
  /** Deflate codes at most 258 bytes in two bits: no member can expand by more than this factor. */
  private static final long MAX_RATIO = 1032;

  /** How often a member's size may be inflated and discarded before its reader is refused. */
  private static final int VAIN_PASSES = 4;

  /** A read that skips at most this multiple of its own size does not count as wasted. */
  private static final int FAIR_SKIP = 64;

  private final Path path;
  private final ZipFile zip;
  private final ZipEntry entry;
  private final long fileSize;
  private Arena arena;
  private MemorySegment inflated;

  /** The stream that is inflated while it is read, and its position. */
  private InputStream sequence;

  private boolean closed;
  private long reached;
  private final CRC32 sequenceCrc = new CRC32();

  /** Bytes inflated and skipped, and bytes that were asked for. */
  private long inflatedBytes;

  private long askedBytes;

  /**
   * A member.
   *
   * @param path the zip file, for messages
   * @param zip the open zip file
   * @param entry the member
   * @param fileSize bytes of the zip file
   */
  NpzMember(Path path, ZipFile zip, ZipEntry entry, long fileSize) {
    this.path = path;
    this.zip = zip;
    this.entry = entry;
    this.fileSize = fileSize;
  }

  /**
   * Checks what the directory of the zip file says of this member.
   *
   * @return its size in bytes when inflated
   * @throws BadFileException if the sizes are impossible
   */
  long size() throws BadFileException {
    long size = entry.getSize();
    long compressed = entry.getCompressedSize();
    boolean possible =
        entry.getMethod() == ZipEntry.STORED
            ? size == compressed
            : size >= 0 && compressed >= 0 && size / MAX_RATIO <= compressed;
    if (!possible || compressed > fileSize) {
      throw new BadFileException(
          path,
          "member '"
              + entry.getName()
              + "': expected plausible sizes, got "
              + compressed
              + " bytes holding "
              + size);
    }
    return size;
  }

  @Override
  public long held() {
    return entry.getMethod() == ZipEntry.STORED ? 0 : entry.getSize();
  }

  @Override
  public void read(long position, MemorySegment target) throws IOException {
    if (entry.getMethod() == ZipEntry.STORED) {
      stream(position, target);
    } else if (hold()) {
      MemorySegment.copy(inflated(), position, target, 0, target.byteSize());
    } else {
      readInSequence(position, target);
    }
  }

  /** Whether the member is held in memory, or may be from now on. */
  private synchronized boolean hold() throws IOException {
    if (arena != null) {
      return true;
    }
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
    if (!HeldMemory.reserve(size())) {
      return false;
    }
    arena = Arena.ofShared();
    return true;
  }

  private synchronized void readInSequence(long position, MemorySegment target) throws IOException {
    try {
      if (sequence == null || position < reached) {
        if (sequence != null) {
          sequence.close();
        }
        sequence = open();
        reached = 0;
        sequenceCrc.reset();
      }
      byte[] buffer = new byte[CHUNK];
      inflatedBytes += position + target.byteSize() - reached;
      askedBytes += target.byteSize();
      expectForward();
      while (reached < position) {
        advance(buffer, (int) Math.min(buffer.length, position - reached));
      }
      for (long done = 0; done < target.byteSize(); ) {
        int now = (int) Math.min(buffer.length, target.byteSize() - done);
        advance(buffer, now);
        MemorySegment.copy(MemorySegment.ofArray(buffer), 0, target, done, now);
        done += now;
      }
    } catch (EOFException | ZipException e) {
      throw broken(e);
    }
  }

  private void advance(byte[] buffer, int count) throws IOException {
    if (sequence.readNBytes(buffer, 0, count) < count) {
      throw new EOFException("expected " + size() + " bytes");
    }
    sequenceCrc.update(buffer, 0, count);
    reached += count;
    if (reached == size() && sequenceCrc.getValue() != entry.getCrc()) {
      throw new BadFileException(path, "member '" + entry.getName() + "': CRC does not match");
    }
  }

  private void expectForward() throws BadFileException {
    long size = size();
    // Divided, not multiplied: sizes come from the file.
    if (inflatedBytes / VAIN_PASSES > size && askedBytes < (inflatedBytes - 4 * size) / FAIR_SKIP) {
      throw new BadFileException(
          path,
          "member '"
              + entry.getName()
              + "' is compressed, of "
              + size
              + " bytes, more than the "
              + HeldMemory.most()
              + " that are held inflated at a time: it can only be read from front to back, not in"
              + " any order. Save it with numpy.savez, or start Java with -D"
              + HeldMemory.PROPERTY
              + "=BYTES");
    }
  }

  /**
   * Reads without keeping anything; for a deflated member this inflates everything before the
   * position. Used for the npy header.
   */
  void stream(long position, MemorySegment target) throws IOException {
    try (InputStream in = open()) {
      // Skipping within a stored member only advances a counter.
      in.skipNBytes(position);
      copy(in, target, null);
    } catch (EOFException | ZipException e) {
      throw broken(e);
    }
  }

  private synchronized MemorySegment inflated() throws IOException {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
    if (inflated == null) {
      try {
        inflated = inflate(allocate(size()));
      } finally {
        if (inflated == null) {
          release();
        }
      }
    }
    return inflated;
  }

  private MemorySegment inflate(MemorySegment target) throws IOException {
    CRC32 crc = new CRC32();
    try (InputStream in = open()) {
      copy(in, target, crc);
      if (in.read() >= 0) {
        throw new BadFileException(path, "member '" + entry.getName() + "' is longer than it says");
      }
    } catch (EOFException | ZipException e) {
      throw broken(e);
    }
    if (crc.getValue() != entry.getCrc()) {
      throw new BadFileException(path, "member '" + entry.getName() + "': CRC does not match");
    }
    return target;
  }

  /** Frees what was inflated; reading it afterwards throws {@link IllegalStateException}. */
  @Override
  public synchronized void close() {
    closed = true;
    if (arena != null) {
      release();
    }
  }

  private void release() {
    arena.close();
    arena = null;
    try {
      HeldMemory.release(size());
    } catch (BadFileException e) {
      throw new IllegalStateException("checked before", e);
    }
  }

  private MemorySegment allocate(long size) throws IOException {
    try {
      return arena.allocate(size, Long.BYTES);
    } catch (OutOfMemoryError e) {
      // Only this one allocation failed.
      throw new IOException(
          path
              + ": no memory to inflate "
              + size
              + " bytes of member '"
              + entry.getName()
              + "'; numpy.savez would store it readable in place",
          e);
    }
  }

  private InputStream open() throws IOException {
    InputStream in = zip.getInputStream(entry);
    if (in == null) {
      throw new BadFileException(path, "member '" + entry.getName() + "' is not there");
    }
    return in;
  }

  private static void copy(InputStream in, MemorySegment target, CRC32 crc) throws IOException {
    byte[] buffer = new byte[(int) Math.min(CHUNK, target.byteSize())];
    for (long done = 0; done < target.byteSize(); done += buffer.length) {
      int now = (int) Math.min(buffer.length, target.byteSize() - done);
      if (in.readNBytes(buffer, 0, now) < now) {
        throw new EOFException("expected " + target.byteSize() + " bytes");
      }
      if (crc != null) {
        crc.update(buffer, 0, now);
      }
      MemorySegment.copy(MemorySegment.ofArray(buffer), 0, target, done, now);
    }
  }

  private BadFileException broken(IOException e) {
    return new BadFileException(
        path, "member '" + entry.getName() + "' is cut short or damaged: " + e.getMessage(), e);
  }
}
