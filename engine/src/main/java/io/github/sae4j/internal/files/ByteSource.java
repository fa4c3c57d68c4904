package io.github.sae4j.internal.files;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Bytes that can be read at any position, by many threads at once. */
public interface ByteSource {
  /** Smallest useful read of a sequential reader, in bytes. */
  int CHUNK = 1 << 16;

  /**
   * Fills a segment. The range lies within the source: the caller has checked it against the size
   * declared when the file was opened.
   *
   * @param position first byte
   * @param target receives {@code target.byteSize()} bytes; native memory or a {@code byte[]}
   * @throws BadFileException if the source ends early after all
   * @throws IOException if reading fails
   */
  void read(long position, MemorySegment target) throws IOException;

  /**
   * What reading in any order keeps in memory until the source is closed.
   *
   * @return bytes; 0 where they are read in place
   */
  default long held() {
    return 0;
  }

  /**
   * How much a caller that reads piece by piece should ask for at a time.
   *
   * @return bytes, a multiple of 8
   */
  default int chunk() {
    return CHUNK;
  }
}
