package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.arrow.flatbuf.FieldNode;

/** Where the texts of a column lie. */
final class ArrowTexts {
  /** Offsets read at a time. */
  private static final int STEP = 1 << 13;

  /** A text is held whole while it is read. */
  private static final long MOST_BYTES = 1 << 24;

  /**
   * Texts of a column in one batch.
   *
   * @param rows how many
   * @param missing bits, 0 where there is none; without any where all are there
   * @param offsets of the texts in {@code bytes}, one more than there are rows
   */
  private record Run(
      long rows, ArrowBuffers.Part missing, ArrowBuffers.Part offsets, ArrowBuffers.Part bytes) {}

  private final String name;
  private final int offsetBytes;
  private final List<Run> runs = new ArrayList<>();

  /**
   * Texts without any batch yet.
   *
   * @param name the column
   * @param large whether offsets have 8 bytes instead of 4
   */
  ArrowTexts(String name, boolean large) {
    this.name = name;
    offsetBytes = large ? Long.BYTES : Integer.BYTES;
  }

  /** Takes this column's buffers of a batch. */
  void add(ArrowBuffers buffers, long rows) throws IOException {
    FieldNode node = buffers.nextNode();
    ArrowBuffers.Part missing = buffers.nextBuffer();
    ArrowBuffers.Part offsets = buffers.nextBuffer();
    ArrowBuffers.Part bytes = buffers.nextBuffer();
    if (rows < 0
        || node.length() < rows
        || (rows > 0 && rows >= offsets.length() / offsetBytes)
        || (missing.length() > 0 && missing.length() < (rows + 7) / 8)) {
      throw bad(buffers.path(), "expected " + rows + " texts in a batch, its buffers have fewer");
    }
    if (rows > 0) {
      runs.add(new Run(rows, missing, offsets, bytes));
    }
  }

  private BadFileException bad(Path path, String problem) {
    return new BadFileException(path, "column '" + name + "': " + problem);
  }

  void read(Path path, PositionedFile file, long rows, Consumer<String> each) throws IOException {
    long done = 0;
    for (Run run : runs) {
      for (long first = 0; first < run.rows && done < rows; first += STEP) {
        int count = (int) Math.min(Math.min(STEP, run.rows - first), rows - done);
        read(path, file, run, first, count, each);
        done += count;
      }
    }
  }

  private void read(
      Path path, PositionedFile file, Run run, long first, int count, Consumer<String> each)
      throws IOException {
    ByteBuffer offsets =
        file.bytes(run.offsets.position() + first * offsetBytes, (count + 1) * offsetBytes);
    ByteBuffer there =
        run.missing.length() == 0
            ? null
            : file.bytes(run.missing.position() + first / 8, (count + 7) / 8);
    long from = next(offsets);
    for (int i = 0; i < count; i++) {
      long to = next(offsets);
      if (from < 0 || to < from || to > run.bytes.length()) {
        throw bad(path, "a text leaves its buffer");
      }
      if (to - from > MOST_BYTES) {
        throw bad(path, "expected texts of at most " + MOST_BYTES + " bytes, got " + (to - from));
      }
      if (there != null && (there.get(i / 8) >> i % 8 & 1) == 0) {
        each.accept(null);
      } else {
        ByteBuffer bytes = file.bytes(run.bytes.position() + from, (int) (to - from));
        each.accept(StandardCharsets.UTF_8.decode(bytes).toString());
      }
      from = to;
    }
  }

  private long next(ByteBuffer offsets) {
    return offsetBytes == Integer.BYTES ? offsets.getInt() : offsets.getLong();
  }
}
