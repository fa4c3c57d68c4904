package io.github.sae4j.formats;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.LogicalType;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.LayerKind;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A Parquet file's columns of numbers, and of texts. */
final class ParquetFile implements TensorColumns {
  /** A tensor of more bytes for each byte of the file is a bomb rather than data. */
  private static final long MOST_RATIO = 10_000;

  private static final int MOST_LISTS = 2;
  private static final int BATCH = 1024;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Map<Column, HeldValues> columns = new LinkedHashMap<>();
  private final Map<String, String> others = new LinkedHashMap<>();

  /** Columns of texts and their numbers. */
  private final Map<String, Integer> texts = new LinkedHashMap<>();

  private ParquetFile(Path path) {
    this.path = path;
  }

  /** What the reader of another library does to a file. */
  interface Reading<T> {
    T run() throws IOException;
  }

  /** A damaged file shows as any exception there is. */
  static <T> T guarded(Path path, Reading<T> reading) throws IOException {
    try {
      return reading.run();
    } catch (BadFileException e) {
      throw e;
    } catch (OutOfMemoryError e) {
      throw new BadFileException(path, "cannot be decoded in the memory that Java has", e);
    } catch (IOException | RuntimeException | StackOverflowError e) {
      throw new BadFileException(
          path, "expected a Parquet file, it is damaged or something else: " + e.getMessage(), e);
    }
  }

  static ParquetFile open(Path path) throws IOException {
    ParquetFile file = new ParquetFile(path);
    guarded(
        path,
        () -> {
          file.describe();
          return null;
        });
    return file;
  }

  private void describe() throws IOException {
    long size = Files.size(path);
    try (InputFile input = InputFile.of(path);
        ParquetFileReader reader = ParquetFileReader.open(input)) {
      long rows = reader.getFileMetaData().numRows();
      if (rows < 0) {
        throw new BadFileException(path, "expected a number of rows, got " + rows);
      }
      Map<String, Integer> leaves = new LinkedHashMap<>();
      for (ColumnSchema column : reader.getFileSchema().getColumns()) {
        leaves.merge(column.fieldPath().topLevelName(), 1, Integer::sum);
      }
      for (ColumnSchema column : reader.getFileSchema().getColumns()) {
        String name = column.fieldPath().topLevelName();
        ElementType type = type(column);
        if (leaves.get(name) > 1 || type == null || column.maxRepetitionLevel() > MOST_LISTS) {
          others.put(
              leaves.get(name) > 1 ? column.fieldPath().toString() : name,
              "expected numbers, or lists of one length of numbers, got "
                  + (leaves.get(name) > 1 ? "a structure" : column.type()));
          if (leaves.get(name) == 1
              && column.maxRepetitionLevel() == 0
              && column.type() == PhysicalType.BYTE_ARRAY
              && column.logicalType() instanceof LogicalType.StringType) {
            texts.put(name, column.columnIndex());
          }
          continue;
        }
        long[] widths = widths(reader, column);
        List<Long> shape = new ArrayList<>();
        shape.add(rows);
        long bytes = Math.multiplyExact(rows, type.bytes());
        for (long width : widths) {
          shape.add(width);
          bytes = Math.multiplyExact(bytes, width);
        }
        if (bytes / MOST_RATIO > size) {
          throw new BadFileException(
              path, "expected plausible sizes, got " + size + " bytes holding " + bytes);
        }
        Column tensor = new Column(name, type, shape);
        long inRow = rows == 0 ? 0 : bytes / rows / type.bytes();
        int index = column.columnIndex();
        columns.put(
            tensor,
            new HeldValues(
                path,
                "column '" + name + "'",
                bytes,
                () -> new Pass(path, name, index, type, widths, inRow)));
      }
    }
  }

  private static ElementType type(ColumnSchema column) {
    return switch (column.type()) {
      case FLOAT -> ElementType.F32;
      case DOUBLE -> ElementType.F64;
      case INT32 -> column.logicalType() == null || isSigned(column, 32) ? ElementType.I32 : null;
      case INT64 -> column.logicalType() == null || isSigned(column, 64) ? ElementType.I64 : null;
      case FIXED_LEN_BYTE_ARRAY ->
          column.logicalType() instanceof LogicalType.Float16Type ? ElementType.F16 : null;
      case BOOLEAN, INT96, BYTE_ARRAY -> null;
    };
  }

  private static boolean isSigned(ColumnSchema column, int bits) {
    return column.logicalType() instanceof LogicalType.IntType type
        && type.isSigned()
        && type.bitWidth() <= bits;
  }

  /**
   * The lengths of a column's lists in its first row; whether all are such shows when it is read.
   */
  private static long[] widths(ParquetFileReader reader, ColumnSchema column) {
    long[] widths = new long[column.maxRepetitionLevel()];
    try (ColumnReader first = reader.buildColumnReader(column.columnIndex()).batchSize(1).build()) {
      if (widths.length > 0 && first.nextBatch() && first.getRecordCount() > 0) {
        int[] layers = repeated(first);
        for (int i = 0; i < layers.length; i++) {
          int[] offsets = first.getLayerOffsets(layers[i]);
          widths[i] = offsets.length > 1 ? offsets[1] - offsets[0] : 0;
        }
      }
    }
    return widths;
  }

  private static int[] repeated(ColumnReader reader) {
    List<Integer> layers = new ArrayList<>();
    for (int i = 0; i < reader.getLayerCount(); i++) {
      if (reader.getLayerKind(i) == LayerKind.REPEATED) {
        layers.add(i);
      }
    }
    return layers.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public List<Column> columns() {
    return List.copyOf(columns.keySet());
  }

  @Override
  public Map<String, String> others() {
    return Map.copyOf(others);
  }

  @Override
  public long held(Column column) {
    return columns.get(column).held();
  }

  @Override
  public void read(Column column, long position, MemorySegment target) throws IOException {
    guarded(
        path,
        () -> {
          columns.get(column).read(position, target);
          return null;
        });
  }

  @Override
  public List<String> texts() {
    return List.copyOf(texts.keySet());
  }

  @Override
  public TextCursor openTexts(String column) throws IOException {
    return guarded(path, () -> new ParquetTexts(path, texts.get(column)));
  }

  @Override
  public void close() throws IOException {
    for (HeldValues values : columns.values()) {
      values.close();
    }
  }

  /** A column from front to back. */
  private static final class Pass implements HeldValues.Decoder {
    private final Path path;
    private final String name;
    private final ElementType type;
    private final long[] widths;
    private final long inRow;
    private final InputFile input;
    private final ParquetFileReader reader;
    private final ColumnReader column;
    private int next;
    private int count;

    Pass(Path path, String name, int index, ElementType type, long[] widths, long inRow)
        throws IOException {
      this.path = path;
      this.name = name;
      this.type = type;
      this.widths = widths;
      this.inRow = inRow;
      input = InputFile.of(path);
      reader = ParquetFileReader.open(input);
      column = reader.buildColumnReader(index).batchSize(BATCH).build();
    }

    @Override
    public void next(MemorySegment target) throws IOException {
      int size = type.bytes();
      for (long at = 0; at < target.byteSize(); ) {
        if (next == count) {
          nextBatch();
        }
        int now = (int) Math.min(count - next, (target.byteSize() - at) / size);
        copy(now, target, at);
        next += now;
        at += (long) now * size;
      }
    }

    private void copy(int now, MemorySegment target, long at) throws BadFileException {
      switch (type) {
        case F32 -> MemorySegment.copy(column.getFloats(), next, target, FLOAT, at, now);
        case F64 -> MemorySegment.copy(column.getDoubles(), next, target, DOUBLE, at, now);
        case I32 -> MemorySegment.copy(column.getInts(), next, target, INT, at, now);
        case I64 -> MemorySegment.copy(column.getLongs(), next, target, LONG, at, now);
        case F16 -> {
          byte[] bytes = column.getBinaryValues();
          int[] offsets = column.getBinaryOffsets();
          for (int i = 0; i < now; i++) {
            int from = offsets[next + i];
            target.set(ValueLayout.JAVA_BYTE, at + 2L * i, bytes[from]);
            target.set(ValueLayout.JAVA_BYTE, at + 2L * i + 1, bytes[from + 1]);
          }
        }
        default -> throw new BadFileException(path, "unexpected type " + type);
      }
    }

    private void nextBatch() throws BadFileException {
      String what = "column '" + name + "': ";
      do {
        if (!column.nextBatch()) {
          throw new BadFileException(path, what + "ends before the rows that the file declares");
        }
      } while (column.getRecordCount() == 0);
      if (column.getLeafValidity().hasNulls()) {
        throw new BadFileException(path, what + "expected no nulls, got some");
      }
      int lists = column.getRecordCount();
      int[] layers = repeated(column);
      for (int i = 0; i < layers.length; i++) {
        if (column.getLayerValidity(layers[i]).hasNulls()) {
          throw new BadFileException(path, what + "expected no nulls, got some");
        }
        int[] offsets = column.getLayerOffsets(layers[i]);
        for (int list = 0; list < lists; list++) {
          long width = (long) offsets[list + 1] - offsets[list];
          if (width != widths[i]) {
            throw new BadFileException(
                path, what + "expected lists of one length, got " + widths[i] + " and " + width);
          }
        }
        lists = Math.toIntExact(lists * widths[i]);
      }
      next = 0;
      count = column.getValueCount();
      if (count != column.getRecordCount() * inRow) {
        throw new BadFileException(
            path, what + "expected " + column.getRecordCount() * inRow + " values, got " + count);
      }
    }

    @Override
    public void close() throws IOException {
      column.close();
      reader.close();
      input.close();
    }
  }
}
