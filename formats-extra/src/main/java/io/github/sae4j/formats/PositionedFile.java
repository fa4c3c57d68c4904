package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** A file read by position, one read at a time; a thread's interrupt does not close it. */
final class PositionedFile implements Closeable {
  private static final int PIECE = 1 << 20;

  private final Path path;
  private final RandomAccessFile file;
  private final long size;

  PositionedFile(Path path) throws IOException {
    this.path = path;
    try {
      file = new RandomAccessFile(path.toFile(), "r");
    } catch (FileNotFoundException e) {
      throw new BadFileException(path, "cannot be opened: " + e.getMessage(), e);
    }
    size = file.length();
  }

  long size() {
    return size;
  }

  ByteBuffer bytes(long position, int count) throws IOException {
    byte[] bytes = new byte[count];
    read(position, MemorySegment.ofArray(bytes));
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  synchronized void read(long position, MemorySegment target) throws IOException {
    byte[] piece = new byte[(int) Math.min(PIECE, target.byteSize())];
    file.seek(position);
    try {
      for (long done = 0; done < target.byteSize(); done += piece.length) {
        int now = (int) Math.min(piece.length, target.byteSize() - done);
        file.readFully(piece, 0, now);
        MemorySegment.copy(MemorySegment.ofArray(piece), 0, target, done, now);
      }
    } catch (EOFException e) {
      throw new BadFileException(
          path, "ends early: it had " + size + " bytes when it was opened", e);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
