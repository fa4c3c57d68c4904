package io.github.sae4j.format;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A new file written by position, by one thread. An interrupt closes a {@link FileChannel}; here it
 * is opened again, the write goes on and the thread keeps its interrupt status, so that a
 * checkpoint is not lost to the request to stop that caused it.
 */
final class FileSink implements Closeable {
  private static final long MAX_WRITE = 1 << 30;

  private interface Step {
    int run(FileChannel channel) throws IOException;
  }

  private final Path path;
  private FileChannel channel;

  private FileSink(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /** Creates a file, or empties the one that is there. */
  static FileSink create(Path path) throws IOException {
    return new FileSink(
        path,
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE));
  }

  /** Writes a whole segment of native memory or of a {@code byte[]}. */
  void write(long position, MemorySegment source) throws IOException {
    long done = 0;
    while (done < source.byteSize()) {
      long want = Math.min(MAX_WRITE, source.byteSize() - done);
      ByteBuffer buffer = source.asSlice(done, want).asByteBuffer();
      long at = position + done;
      done += uninterrupted(open -> open.write(buffer, at));
    }
  }

  /** Returns when what was written has reached the disk. */
  void force() throws IOException {
    uninterrupted(
        open -> {
          open.force(true);
          return 0;
        });
  }

  private int uninterrupted(Step step) throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        interrupted |= Thread.interrupted();
        try {
          return step.run(channel);
        } catch (ClosedByInterruptException e) {
          channel = FileChannel.open(path, StandardOpenOption.WRITE);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
