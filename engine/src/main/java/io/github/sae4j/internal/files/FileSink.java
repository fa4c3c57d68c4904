package io.github.sae4j.internal.files;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A new file written by position from segments, by one thread. */
public final class FileSink implements Closeable {
  private static final long MAX_WRITE = 1 << 30;

  private final DiskFile file;

  private FileSink(DiskFile file) {
    this.file = file;
  }

  /** Creates a file, or truncates an existing one. */
  public static FileSink create(Path path) throws IOException {
    return new FileSink(DiskFile.create(path));
  }

  /** Writes a whole segment of native memory or of a {@code byte[]}. */
  public void write(long position, MemorySegment source) throws IOException {
    for (long done = 0; done < source.byteSize(); done += MAX_WRITE) {
      long now = Math.min(MAX_WRITE, source.byteSize() - done);
      file.writeFully(source.asSlice(done, now).asByteBuffer(), position + done);
    }
  }

  /** Syncs what was written to disk. */
  public void force() throws IOException {
    file.force();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
