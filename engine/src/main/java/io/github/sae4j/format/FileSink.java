package io.github.sae4j.format;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A new file written by position. */
final class FileSink implements Closeable {
  private static final long MAX_WRITE = 1 << 30;

  private final FileChannel channel;

  private FileSink(FileChannel channel) {
    this.channel = channel;
  }

  /** Creates a file, or empties the one that is there. */
  static FileSink create(Path path) throws IOException {
    return new FileSink(
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
      done += channel.write(buffer, position + done);
    }
  }

  /** Returns when what was written has reached the disk. */
  void force() throws IOException {
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
