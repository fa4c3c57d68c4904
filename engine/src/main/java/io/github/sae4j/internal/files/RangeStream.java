package io.github.sae4j.internal.files;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;

/** A range of a source as a stream, read in pieces. Not thread-safe. */
public final class RangeStream extends InputStream {
  private final ByteSource source;
  private final long end;
  private long next;
  private final byte[] piece;
  private int at;
  private int filled;

  /**
   * A range.
   *
   * @param source the bytes
   * @param first first byte
   * @param count number of bytes; the range lies within the source
   */
  public RangeStream(ByteSource source, long first, long count) {
    this.source = source;
    next = first;
    end = first + count;
    piece = new byte[(int) Math.min(ByteSource.CHUNK, count)];
  }

  @Override
  public int read() throws IOException {
    return fill() ? piece[at++] & 0xff : -1;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (!fill()) {
      return -1;
    }
    int count = Math.min(length, filled - at);
    System.arraycopy(piece, at, target, offset, count);
    at += count;
    return count;
  }

  private boolean fill() throws IOException {
    if (at == filled) {
      filled = (int) Math.min(piece.length, end - next);
      at = 0;
      source.read(next, MemorySegment.ofArray(piece).asSlice(0, filled));
      next += filled;
    }
    return at < filled;
  }
}
