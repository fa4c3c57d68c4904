package io.github.sae4j.formats;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns.Column;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Type;

/**
 * A column of the schema: lists of one length around numbers, texts, or something to be passed
 * over.
 */
final class ArrowColumn {
  /** Lists within lists; a sequence of rows has two. */
  private static final int MOST_LISTS = 2;

  /** Bounds recursion over what a file says. */
  private static final int MOST_DEPTH = 64;

  /** Values of a column in one batch. */
  private record Run(long firstElement, long position) {}

  private final Field field;
  private final String name;

  /** The fields from the outside in: lists, then the numbers. */
  private final List<Field> levels = new ArrayList<>();

  private final List<Run> runs = new ArrayList<>();
  private final long[] widths;
  private final ArrowTexts texts;
  private ElementType type;
  private String obstacle;
  private long elements;
  private long rows;

  ArrowColumn(Field field, ArrowDictionaries dictionaries) {
    this.field = field;
    name = field.name() == null ? "" : field.name();
    Field level = field;
    levels.add(level);
    while (isList(level) && levels.size() <= MOST_LISTS && level.childrenLength() == 1) {
      level = level.children(0);
      levels.add(level);
    }
    widths = new long[levels.size() - 1];
    Arrays.fill(widths, -1);
    texts = ArrowTexts.of(name, field, dictionaries).orElse(null);
    boolean encoded = levels.stream().anyMatch(each -> each.dictionary() != null);
    type = encoded ? null : number(level);
    if (type == null) {
      obstacle =
          "expected numbers, or lists of one length of numbers, got "
              + (encoded ? "a dictionary" : typeName(level));
    }
  }

  private static String typeName(Field field) {
    int type = field.typeType();
    return type >= 0 && type < Type.names.length ? Type.name(type) : "an unknown type";
  }

  private static boolean isList(Field field) {
    return field.typeType() == Type.List
        || field.typeType() == Type.LargeList
        || field.typeType() == Type.FixedSizeList;
  }

  private static ElementType number(Field field) {
    if (field.typeType() == Type.FloatingPoint) {
      FloatingPoint type = (FloatingPoint) field.type(new FloatingPoint());
      return switch (type.precision()) {
        case Precision.HALF -> ElementType.F16;
        case Precision.SINGLE -> ElementType.F32;
        case Precision.DOUBLE -> ElementType.F64;
        default -> null;
      };
    }
    if (field.typeType() == Type.Int) {
      Int type = (Int) field.type(new Int());
      return switch (type.bitWidth()) {
        case 64 -> type.isSigned() ? ElementType.I64 : null;
        case 32 -> type.isSigned() ? ElementType.I32 : null;
        case 8 -> type.isSigned() ? null : ElementType.U8;
        default -> null;
      };
    }
    return null;
  }

  String name() {
    return name;
  }

  /** Why it is no tensor; null if it is one. */
  String obstacle() {
    return obstacle;
  }

  /** Its texts; null if it holds others. */
  ArrowTexts texts() {
    return texts;
  }

  Column tensor(Path path) throws BadFileException {
    List<Long> shape = new ArrayList<>();
    shape.add(rows);
    for (long width : widths) {
      shape.add(Math.max(0, width));
    }
    long product = 1;
    for (long size : shape) {
      product = Math.multiplyExact(product, size);
    }
    if (product != elements) {
      throw new BadFileException(path, "column '" + name + "': batches do not add up");
    }
    return new Column(name, type, shape);
  }

  /** Takes this column's buffers of a batch. */
  void add(ArrowBuffers buffers, long batchRows, ArrowDictionaries dictionaries)
      throws IOException {
    if (texts != null) {
      texts.add(buffers, batchRows, dictionaries);
      return;
    }
    if (obstacle != null) {
      skip(field, buffers, 0);
      return;
    }
    long count = batchRows;
    long first = 0;
    for (int i = 0; i < levels.size(); i++) {
      Field level = levels.get(i);
      FieldNode node = buffers.nextNode();
      if (batchRows < 0 || node.length() < Math.addExact(first, count)) {
        throw new BadFileException(
            buffers.path(),
            "column '"
                + name
                + "': expected "
                + (first + count)
                + " values in a batch, got "
                + node.length());
      }
      if (node.nullCount() != 0) {
        obstacle = "expected no nulls, got " + node.nullCount();
      }
      buffers.nextBuffer(); // which are null
      if (i == levels.size() - 1) {
        values(buffers, first, count);
        break;
      }
      long width;
      if (level.typeType() == Type.FixedSizeList) {
        FixedSizeList list = (FixedSizeList) level.type(new FixedSizeList());
        width = list.listSize();
        first = Math.multiplyExact(first, width);
      } else {
        int bytes = level.typeType() == Type.LargeList ? 8 : 4;
        ArrowBuffers.Part offsets = buffers.nextBuffer();
        long before = Math.multiplyExact(first, bytes);
        ArrowBuffers.Part from =
            new ArrowBuffers.Part(offsets.position() + before, offsets.length() - before);
        long[] regular = buffers.regular(from, count, bytes);
        first = regular[0];
        width = regular[1];
      }
      if (count > 0) {
        setWidth(i, width);
      }
      if (obstacle != null) {
        // The rest of the column's buffers are still to be passed over.
        for (int rest = i + 1; rest < levels.size(); rest++) {
          skipOne(levels.get(rest), buffers);
        }
        return;
      }
      count = Math.multiplyExact(count, width);
    }
    rows = Math.addExact(rows, batchRows);
  }

  private void setWidth(int level, long width) {
    if (obstacle != null) {
      return; // what was found first
    }
    if (width < 0) {
      obstacle = "expected lists of one length, got lists of several";
    } else if (widths[level] < 0) {
      widths[level] = width;
    } else if (widths[level] != width) {
      obstacle = "expected lists of one length, got " + widths[level] + " and " + width;
    }
  }

  private void values(ArrowBuffers buffers, long first, long count) throws BadFileException {
    ArrowBuffers.Part data = buffers.nextBuffer();
    if (first > data.length() / type.bytes() - count) {
      throw new BadFileException(
          buffers.path(),
          "column '"
              + name
              + "': expected "
              + (first + count)
              + " values of "
              + type
              + ", its buffer has "
              + data.length()
              + " bytes");
    }
    if (count > 0) {
      runs.add(new Run(elements, data.position() + first * type.bytes()));
      elements = Math.addExact(elements, count);
    }
  }

  /** Passes over a column of any type. */
  private static void skip(Field field, ArrowBuffers buffers, int depth) throws IOException {
    if (depth > MOST_DEPTH) {
      throw new BadFileException(buffers.path(), "expected at most 64 fields within one another");
    }
    skipOne(field, buffers);
    if (field.dictionary() == null) {
      for (int i = 0; i < field.childrenLength(); i++) {
        skip(field.children(i), buffers, depth + 1);
      }
    }
  }

  /** Passes over a field's own node and buffers, which its type determines. */
  private static void skipOne(Field field, ArrowBuffers buffers) throws IOException {
    buffers.nextNode();
    if (field.dictionary() != null) {
      buffers.skipBuffers(2);
      return;
    }
    switch (field.typeType()) {
      case Type.Null, Type.RunEndEncoded -> {}
      case Type.FixedSizeList, Type.Struct_ -> buffers.skipBuffers(1);
      case Type.Utf8, Type.Binary, Type.LargeUtf8, Type.LargeBinary -> buffers.skipBuffers(3);
      case Type.ListView, Type.LargeListView -> buffers.skipBuffers(3);
      case Type.Utf8View, Type.BinaryView -> {
        buffers.skipBuffers(2);
        buffers.nextVariadic();
      }
      case Type.Union ->
          throw new BadFileException(
              buffers.path(),
              "column '" + field.name() + "' is a union, which cannot be passed over");
      default -> buffers.skipBuffers(2);
    }
  }

  /** Reads bytes of the column as if all batches lay together. */
  void read(PositionedFile file, long position, MemorySegment target) throws IOException {
    long done = 0;
    int run = runOf(position / type.bytes());
    while (done < target.byteSize()) {
      Run here = runs.get(run);
      long end = run + 1 < runs.size() ? runs.get(run + 1).firstElement() : elements;
      long at = position + done;
      long now = Math.min(target.byteSize() - done, end * type.bytes() - at);
      file.read(
          here.position() + at - here.firstElement() * type.bytes(), target.asSlice(done, now));
      done += now;
      run++;
    }
  }

  private int runOf(long element) {
    int low = 0;
    int high = runs.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (runs.get(middle).firstElement() <= element) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
