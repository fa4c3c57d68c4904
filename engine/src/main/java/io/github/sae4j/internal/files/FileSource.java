package io.github.sae4j.internal.files;

import io.github.sae4j.format.BadFileException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/** A regular file read by position into segments, by many threads at once. */
public final class FileSource implements ByteSource, Closeable {
  /** Largest single read, in bytes. */
  private static final long MAX_READ = 1 << 30;

  private final Path path;
  private final DiskFile file;
  private final long size;

  private FileSource(Path path, DiskFile file, long size) {
    this.path = path;
    this.file = file;
    this.size = size;
  }

  public static FileSource open(Path path) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        // Opening a pipe would hang and a folder would fail only when read.
        throw new BadFileException(
            path,
            "expected a regular file, got a "
                + (attributes.isDirectory() ? "folder" : "special file"));
      }
      DiskFile file = DiskFile.open(path, StandardOpenOption.READ);
      try {
        return new FileSource(path, file, file.size());
      } catch (Throwable e) {
        file.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new BadFileException(path, "no such file", e);
    } catch (AccessDeniedException e) {
      throw new BadFileException(path, "no permission to read it", e);
    }
  }

  public Path path() {
    return path;
  }

  /** Size in bytes when the file was opened. */
  public long size() {
    return size;
  }

  @Override
  public void read(long position, MemorySegment target) throws IOException {
    long done = 0;
    while (done < target.byteSize()) {
      long want = Math.min(MAX_READ, target.byteSize() - done);
      int got = file.read(target.asSlice(done, want).asByteBuffer(), position + done);
      if (got < 0) {
        throw new BadFileException(
            path,
            "ends early: expected a byte at position "
                + (position + done)
                + ", the file had "
                + size
                + " bytes when it was opened");
      }
      done += got;
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
