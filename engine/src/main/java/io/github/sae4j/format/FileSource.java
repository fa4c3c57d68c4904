package io.github.sae4j.format;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;

/**
 * A regular file read by position. Reads use a {@link FileChannel}, which an interrupt of one
 * reading thread closes for all of them; here the channel is then opened again (refusing a file
 * that was replaced meanwhile), the read goes on, and the thread keeps its interrupt status.
 */
final class FileSource implements ByteSource, Closeable {
  /** The most a single read asks of the system. */
  private static final long MAX_READ = 1 << 30;

  private final Path path;
  private final BasicFileAttributes opened;
  private volatile FileChannel channel;
  private boolean closed;

  private FileSource(Path path, BasicFileAttributes opened, FileChannel channel) {
    this.path = path;
    this.opened = opened;
    this.channel = channel;
  }

  static FileSource open(Path path) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        // Opening a pipe would hang and a folder would fail only when read.
        throw new BadFileException(
            path,
            "expected a regular file, got a "
                + (attributes.isDirectory() ? "folder" : "special file"));
      }
      return new FileSource(path, attributes, FileChannel.open(path, StandardOpenOption.READ));
    } catch (NoSuchFileException e) {
      throw new BadFileException(path, "no such file", e);
    } catch (AccessDeniedException e) {
      throw new BadFileException(path, "no permission to read it", e);
    }
  }

  Path path() {
    return path;
  }

  /** Size in bytes when the file was opened. */
  long size() {
    return opened.size();
  }

  @Override
  public void read(long position, MemorySegment target) throws IOException {
    long done = 0;
    while (done < target.byteSize()) {
      long want = Math.min(MAX_READ, target.byteSize() - done);
      int got = readOnce(target.asSlice(done, want).asByteBuffer(), position + done);
      if (got < 0) {
        throw new BadFileException(
            path,
            "ends early: expected a byte at position "
                + (position + done)
                + ", the file had "
                + size()
                + " bytes when it was opened");
      }
      done += got;
    }
  }

  private int readOnce(ByteBuffer buffer, long position) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        interrupted |= Thread.interrupted();
        FileChannel current = channel;
        try {
          return current.read(buffer, position);
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
    BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
    if (!Objects.equals(now.fileKey(), opened.fileKey()) || now.size() != opened.size()) {
      throw new BadFileException(path, "was replaced or resized while it was being read");
    }
    channel = FileChannel.open(path, StandardOpenOption.READ);
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    channel.close();
  }
}
