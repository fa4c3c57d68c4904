package io.github.sae4j.internal.files;

import io.github.sae4j.format.BadFileException;
import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;

/**
 * A file that is read and written by position and that an interrupt cannot close; the library
 * accesses all files through it. An interrupt of one thread closes a {@link FileChannel} for all of
 * them; here it is opened again (refusing a file that was replaced meanwhile), the operation goes
 * on and the thread keeps its interrupt status. So a request to stop, which interrupts threads,
 * loses no data.
 *
 * <p>Thread-safe as long as threads read and write disjoint ranges.
 */
public final class DiskFile implements Closeable {
  private static final Set<OpenOption> ONLY_ONCE =
      Set.of(
          StandardOpenOption.CREATE,
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.TRUNCATE_EXISTING);

  private interface Operation<T> {
    T on(FileChannel channel) throws IOException;
  }

  private final Path path;
  private final Set<OpenOption> reopening;
  private final Object key;
  private volatile FileChannel channel;
  private boolean closed;

  private DiskFile(Path path, Set<OpenOption> reopening, FileChannel channel) throws IOException {
    this.path = path;
    this.reopening = reopening;
    this.channel = channel;
    key = key();
  }

  /**
   * Opens a file.
   *
   * @param path the file
   * @param options as for {@link FileChannel#open}
   * @return the open file; the caller closes it
   * @throws IOException if it cannot be opened
   */
  public static DiskFile open(Path path, OpenOption... options) throws IOException {
    Set<OpenOption> all = new HashSet<>(Arrays.asList(options));
    FileChannel channel = FileChannel.open(path, all);
    try {
      all.removeAll(ONLY_ONCE);
      return new DiskFile(path, all, channel);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  /** Creates a file, or truncates an existing one. */
  public static DiskFile create(Path path) throws IOException {
    return open(
        path,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE);
  }

  /**
   * Writes a whole file, replacing its content, and syncs it to disk. Not atomic: for that, write
   * to a temporary file and rename it.
   *
   * @param path the file
   * @param text its content, in UTF-8
   * @throws IOException if it cannot be written
   */
  public static void write(Path path, String text) throws IOException {
    try (DiskFile file = create(path)) {
      file.writeFully(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
      file.force();
    }
  }

  /**
   * Syncs a file's content to disk.
   *
   * @param path the file
   * @throws IOException if that fails
   */
  public static void force(Path path) throws IOException {
    try (DiskFile file = open(path, StandardOpenOption.WRITE)) {
      file.force();
    }
  }

  /**
   * Syncs a folder's entries (created, renamed, removed names) to disk.
   *
   * @param folder the folder
   * @throws IOException if that fails
   */
  public static void forceFolder(Path folder) throws IOException {
    if (File.separatorChar == '\\') {
      return; // Windows cannot open a folder as a channel; it journals directory entries.
    }
    try (DiskFile file = open(folder, StandardOpenOption.READ)) {
      file.force();
    }
  }

  /**
   * Reads once, as {@link FileChannel#read(ByteBuffer, long)}.
   *
   * @param target receives bytes
   * @param position first byte
   * @return number of bytes, or -1 at the end of the file
   * @throws IOException if reading fails
   */
  public int read(ByteBuffer target, long position) throws IOException {
    return uninterrupted(open -> open.read(target, position));
  }

  /**
   * Writes all remaining bytes of a buffer.
   *
   * @param source the bytes
   * @param position where the first goes
   * @throws IOException if writing fails; some may have been written
   */
  public void writeFully(ByteBuffer source, long position) throws IOException {
    long start = position - source.position();
    while (source.hasRemaining()) {
      uninterrupted(open -> open.write(source, start + source.position()));
    }
  }

  /**
   * The file's current size.
   *
   * @return bytes
   * @throws IOException if it cannot be determined
   */
  public long size() throws IOException {
    return uninterrupted(FileChannel::size);
  }

  /**
   * Truncates the file.
   *
   * @param size bytes to keep
   * @throws IOException if that fails
   */
  public void truncate(long size) throws IOException {
    uninterrupted(open -> open.truncate(size));
  }

  /**
   * Returns when what was written has reached the disk.
   *
   * @throws IOException if that fails
   */
  public void force() throws IOException {
    uninterrupted(
        open -> {
          open.force(true);
          return null;
        });
  }

  private <T> T uninterrupted(Operation<T> operation) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        interrupted |= Thread.interrupted();
        FileChannel current = channel;
        try {
          return operation.on(current);
        } catch (ClosedChannelException e) {
          reopen(current);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private synchronized void reopen(FileChannel broken) throws IOException {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
    if (channel != broken) {
      return;
    }
    if (!Objects.equals(key(), key)) {
      throw new BadFileException(path, "was replaced while it was open");
    }
    channel = FileChannel.open(path, reopening);
  }

  /** Identifies the file even if another takes its name. */
  private Object key() throws IOException {
    LinkOption[] links =
        reopening.contains(LinkOption.NOFOLLOW_LINKS)
            ? new LinkOption[] {LinkOption.NOFOLLOW_LINKS}
            : new LinkOption[0];
    return Files.readAttributes(path, BasicFileAttributes.class, links).fileKey();
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    channel.close();
  }
}
