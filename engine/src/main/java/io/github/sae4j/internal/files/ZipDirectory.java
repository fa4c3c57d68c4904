package io.github.sae4j.internal.files;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The size of a zip file's directory as its end record states it, checked before the directory is
 * read.
 */
public final class ZipDirectory {
  private static final int END = 0x06054b50;
  private static final int END_BYTES = 22;
  private static final int MOST_COMMENT = 0xffff;
  private static final int LOCATOR = 0x07064b50;
  private static final int LOCATOR_BYTES = 20;
  private static final int END64 = 0x06064b50;
  private static final int END64_BYTES = 56;

  private ZipDirectory() {}

  /**
   * Finds the end record, which may be followed by a comment.
   *
   * @param file the zip file
   * @return bytes of the directory, at most the file's; 0 if there is no end record, which opening
   *     the file reports
   */
  public static long size(FileSource file) throws IOException {
    int tail = (int) Math.min(file.size(), END_BYTES + MOST_COMMENT);
    ByteBuffer bytes = read(file, file.size() - tail, tail);
    for (int at = tail - END_BYTES; at >= 0; at--) {
      if (bytes.getInt(at) == END) {
        long stated = bytes.getInt(at + 12) & 0xffffffffL;
        long size = stated == 0xffffffffL ? size64(file, file.size() - tail + at) : stated;
        return size < 0 ? file.size() : Math.min(size, file.size());
      }
    }
    return 0;
  }

  /** A file of more than 4 GiB or 65535 members has a second (zip64) end record. */
  private static long size64(FileSource file, long end) throws IOException {
    if (end < LOCATOR_BYTES) {
      return 0;
    }
    ByteBuffer locator = read(file, end - LOCATOR_BYTES, LOCATOR_BYTES);
    long at = locator.getLong(8);
    if (locator.getInt(0) != LOCATOR || at < 0 || at > file.size() - END64_BYTES) {
      return 0;
    }
    ByteBuffer end64 = read(file, at, END64_BYTES);
    return end64.getInt(0) == END64 ? end64.getLong(40) : 0;
  }

  private static ByteBuffer read(FileSource file, long at, int count) throws IOException {
    byte[] bytes = new byte[count];
    file.read(at, MemorySegment.ofArray(bytes));
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
