package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.RecordBatch;

/** The nodes and buffers of a batch, taken one after the other as the schema's fields need them. */
final class ArrowBuffers {
  /** Offsets read at a time. */
  private static final int STEP = 1 << 13;

  /**
   * A part of the file.
   *
   * @param position its first byte
   * @param length its bytes
   */
  record Part(long position, long length) {}

  private final Path path;
  private final PositionedFile file;
  private final RecordBatch batch;
  private final long body;
  private final long length;
  private int node;
  private int buffer;
  private int variadic;

  ArrowBuffers(Path path, PositionedFile file, RecordBatch batch, long body, long length) {
    this.path = path;
    this.file = file;
    this.batch = batch;
    this.body = body;
    this.length = length;
  }

  FieldNode nextNode() throws BadFileException {
    if (node >= batch.nodesLength()) {
      throw new BadFileException(path, "a batch has fewer columns than the schema");
    }
    return batch.nodes(node++);
  }

  Part nextBuffer() throws BadFileException {
    if (buffer >= batch.buffersLength()) {
      throw new BadFileException(path, "a batch has fewer buffers than the schema needs");
    }
    Buffer next = batch.buffers(buffer++);
    if (next.offset() < 0 || next.length() < 0 || next.offset() > length - next.length()) {
      throw new BadFileException(
          path,
          "a buffer leaves its batch: "
              + next.length()
              + " bytes at "
              + next.offset()
              + " of "
              + length);
    }
    return new Part(body + next.offset(), next.length());
  }

  void skipBuffers(int count) throws BadFileException {
    for (int i = 0; i < count; i++) {
      nextBuffer();
    }
  }

  /** The data of a column of views, whose number the batch says. */
  List<Part> nextVariadic() throws BadFileException {
    if (variadic >= batch.variadicBufferCountsLength()) {
      throw new BadFileException(path, "a batch does not say how many buffers views point into");
    }
    long count = batch.variadicBufferCounts(variadic++);
    if (count < 0 || count > batch.buffersLength()) {
      throw new BadFileException(path, "a batch has fewer buffers than it says");
    }
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      parts.add(nextBuffer());
    }
    return parts;
  }

  /**
   * The one length of all lists of a column.
   *
   * @param offsets where its {@code lists + 1} offsets lie
   * @param lists how many lists there are
   * @param bytes of an offset, 4 or 8
   * @return the first offset and the length; the length is -1 if it differs
   */
  long[] regular(Part offsets, long lists, int bytes) throws IOException {
    if (lists == 0) {
      return new long[] {0, 0};
    }
    if (lists >= offsets.length() / bytes) {
      throw new BadFileException(
          path,
          "a column of " + lists + " lists has offsets of " + offsets.length() + " bytes only");
    }
    long first = 0;
    long width = 0;
    for (long done = 0; done <= lists; done += STEP) {
      int count = (int) Math.min(STEP, lists + 1 - done);
      ByteBuffer part = file.bytes(offsets.position() + done * bytes, count * bytes);
      for (int i = 0; i < count; i++) {
        long offset = bytes == 4 ? part.getInt() : part.getLong();
        long number = done + i;
        if (number == 0) {
          first = offset;
        } else if (number == 1) {
          width = offset - first;
        }
        if (offset != first + number * width) {
          return new long[] {first, -1};
        }
      }
    }
    if (first < 0 || width < 0) {
      throw new BadFileException(path, "a column's offsets are negative");
    }
    return new long[] {first, width};
  }

  Path path() {
    return path;
  }
}
