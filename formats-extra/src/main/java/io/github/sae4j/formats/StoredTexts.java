package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Type;

/**
 * Texts that lie together in an Arrow file: of a column in one batch, or of one message of a
 * dictionary.
 *
 * @param name the column
 * @param kind how they are laid out
 * @param rows how many
 * @param missing bits, 0 where there is none; without any where all are there
 * @param places where each of them lies: offsets, one more than there are texts, or views
 * @param data their bytes: one buffer, or as many as views point into
 */
record StoredTexts(
    String name,
    Kind kind,
    long rows,
    ArrowBuffers.Part missing,
    ArrowBuffers.Part places,
    List<ArrowBuffers.Part> data) {
  /** A text is held whole while it is read. */
  private static final long MOST_BYTES = 1 << 24;

  /** Bytes of a view that hold a short text itself. */
  private static final int INLINE = 12;

  /** Layouts of texts. */
  enum Kind {
    /** Offsets of 4 bytes. */
    PLAIN(Integer.BYTES),
    /** Offsets of 8 bytes. */
    LARGE(Long.BYTES),
    /** Length, and the text itself or its beginning, buffer and offset: as polars writes them. */
    VIEW(16);

    private final int placeBytes;

    Kind(int placeBytes) {
      this.placeBytes = placeBytes;
    }

    /** The layout of a field's texts; empty if it holds others. */
    static Optional<Kind> of(Field field) {
      return switch (field.typeType()) {
        case Type.Utf8 -> Optional.of(PLAIN);
        case Type.LargeUtf8 -> Optional.of(LARGE);
        case Type.Utf8View -> Optional.of(VIEW);
        default -> Optional.empty();
      };
    }
  }

  /** Takes a column's buffers of a batch. */
  static StoredTexts of(String name, Kind kind, ArrowBuffers buffers, long rows)
      throws IOException {
    long length = buffers.nextNode().length();
    ArrowBuffers.Part missing = buffers.nextBuffer();
    ArrowBuffers.Part places = buffers.nextBuffer();
    List<ArrowBuffers.Part> data =
        kind == Kind.VIEW ? buffers.nextVariadic() : List.of(buffers.nextBuffer());
    long found = places.length() / kind.placeBytes - (kind == Kind.VIEW ? 0 : 1);
    if (rows < 0 || length < rows || (rows > 0 && rows > found) || tooFew(missing, rows)) {
      throw new BadFileException(
          buffers.path(),
          "column '" + name + "': expected " + rows + " texts in a batch, its buffers have fewer");
    }
    return new StoredTexts(name, kind, rows, missing, places, data);
  }

  /** Whether bits that say which rows are there, if there are any, are not enough. */
  static boolean tooFew(ArrowBuffers.Part missing, long rows) {
    return missing.length() > 0 && missing.length() < Math.ceilDiv(rows, 8);
  }

  /** Bits that say which rows are there, from the byte of the first on; null if all are. */
  static ByteBuffer there(PositionedFile file, ArrowBuffers.Part missing, long first, int count)
      throws IOException {
    return missing.length() == 0
        ? null
        : file.bytes(missing.position() + first / 8, (int) ((first % 8 + count + 7) / 8));
  }

  /** Whether a row is there, by the bits from the first row's byte on. */
  static boolean isThere(ByteBuffer there, long first, int i) {
    long bit = first % 8 + i;
    return there == null || (there.get((int) (bit / 8)) >> bit % 8 & 1) != 0;
  }

  /** Adds the texts of rows to a list, null where there is none. */
  void read(Path path, PositionedFile file, long first, int count, List<String> texts)
      throws IOException {
    int places = kind == Kind.VIEW ? count : count + 1;
    ByteBuffer at =
        file.bytes(this.places.position() + first * kind.placeBytes, places * kind.placeBytes);
    ByteBuffer there = there(file, missing, first, count);
    for (int i = 0; i < count; i++) {
      texts.add(isThere(there, first, i) ? text(path, file, at, i) : null);
    }
  }

  private String text(Path path, PositionedFile file, ByteBuffer at, int i) throws IOException {
    if (kind == Kind.VIEW) {
      int view = i * kind.placeBytes;
      int length = at.getInt(view);
      if (length >= 0 && length <= INLINE) {
        return new String(at.array(), view + Integer.BYTES, length, StandardCharsets.UTF_8);
      }
      int buffer = at.getInt(view + 8);
      if (buffer < 0 || buffer >= data.size()) {
        throw bad(path, "a text leaves its buffers");
      }
      return text(path, file, data.get(buffer), at.getInt(view + 12), length);
    }
    long from = offset(at, i);
    return text(path, file, data.getFirst(), from, offset(at, i + 1) - from);
  }

  private long offset(ByteBuffer at, int i) {
    return kind == Kind.PLAIN ? at.getInt(i * Integer.BYTES) : at.getLong(i * Long.BYTES);
  }

  private String text(
      Path path, PositionedFile file, ArrowBuffers.Part bytes, long from, long length)
      throws IOException {
    if (from < 0 || length < 0 || from > bytes.length() - length) {
      throw bad(path, "a text leaves its buffer");
    }
    if (length > MOST_BYTES) {
      throw bad(path, "expected texts of at most " + MOST_BYTES + " bytes, got " + length);
    }
    ByteBuffer text = file.bytes(bytes.position() + from, (int) length);
    return StandardCharsets.UTF_8.decode(text).toString();
  }

  private BadFileException bad(Path path, String problem) {
    return new BadFileException(path, "column '" + name + "': " + problem);
  }
}
