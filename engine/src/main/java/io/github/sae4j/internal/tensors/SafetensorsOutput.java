package io.github.sae4j.internal.tensors;

import io.github.sae4j.internal.files.ByteSource;
import io.github.sae4j.internal.files.FileSink;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A safetensors file under construction: names, types and shapes are declared first, elements
 * follow in any order and in pieces of any size. Memory use does not depend on the size of the
 * file. {@link SafetensorsWriter} is simpler where everything is in memory.
 *
 * <p>The same tensors and metadata give the same bytes, whatever the order of the declarations:
 * tensors are laid out as the reference implementation does (types of stricter alignment first, by
 * name within a type), metadata by key, the header padded with spaces to a multiple of 8 bytes.
 *
 * <p>Not thread-safe. A file that was not {@linkplain #finish() finished} is not valid; the caller
 * removes it.
 */
public final class SafetensorsOutput implements Closeable {
  /** The reference implementation's order of alignment. */
  private static final List<ElementType> LAYOUT =
      List.of(
          ElementType.I64,
          ElementType.F64,
          ElementType.F32,
          ElementType.I32,
          ElementType.BF16,
          ElementType.F16,
          ElementType.U8,
          ElementType.BOOL);

  /** A transposing tile: {@code TILE_COLS x TILE_ROWS} floats are 1 MiB. */
  private static final int TILE_ROWS = 4096;

  private static final int TILE_COLS = 64;

  /** A declared tensor: where it starts in the file and how many elements have been written. */
  private static final class Slot {
    final TensorInfo info;
    final long position;
    long written;

    Slot(TensorInfo info, long position) {
      this.info = info;
      this.position = position;
    }
  }

  private final Path path;
  private final FileSink file;
  private final Map<String, Slot> slots;

  private SafetensorsOutput(Path path, FileSink file, Map<String, Slot> slots) {
    this.path = path;
    this.file = file;
    this.slots = slots;
  }

  /**
   * Creates a file, or truncates an existing one, and writes its header.
   *
   * @param path the file
   * @param metadata free text for the header
   * @param tensors all tensors of the file
   * @return the open output
   * @throws IllegalArgumentException if a name is given twice or is {@code __metadata__}, or the
   *     header exceeds 100 MB
   * @throws IOException if writing fails
   */
  public static SafetensorsOutput create(
      Path path, Map<String, String> metadata, List<TensorInfo> tensors) throws IOException {
    List<TensorInfo> order = new ArrayList<>(tensors);
    order.sort(
        Comparator.<TensorInfo>comparingInt(info -> LAYOUT.indexOf(info.type()))
            .thenComparing(TensorInfo::name));
    byte[] header = header(metadata, order);
    Map<String, Slot> slots = new LinkedHashMap<>();
    long position = 8 + header.length;
    for (TensorInfo info : order) {
      slots.put(info.name(), new Slot(info, position));
      position = Math.addExact(position, info.bytes());
    }
    FileSink file = FileSink.create(path);
    try {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment length = arena.allocate(8);
        length.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN).putLong(header.length);
        file.write(0, length);
      }
      file.write(8, MemorySegment.ofArray(header));
      return new SafetensorsOutput(path, file, slots);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static byte[] header(Map<String, String> metadata, List<TensorInfo> order) {
    Map<String, Object> header = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      header.put("__metadata__", new TreeMap<>(metadata));
    }
    long offset = 0;
    for (TensorInfo info : order) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", info.type().name());
      entry.put("shape", info.shape());
      long end = Math.addExact(offset, info.bytes());
      entry.put("data_offsets", List.of(offset, end));
      offset = end;
      if (info.name().equals("__metadata__") || header.put(info.name(), entry) != null) {
        throw new IllegalArgumentException(
            "tensors: expected distinct names other than __metadata__, got '" + info.name() + "'");
      }
    }
    StringBuilder text = new StringBuilder(Json.line(header));
    int bytes = text.toString().getBytes(StandardCharsets.UTF_8).length;
    text.repeat(' ', -bytes & 7);
    byte[] utf8 = text.toString().getBytes(StandardCharsets.UTF_8);
    if (utf8.length > SafetensorsHeader.MAX_HEADER) {
      throw new IllegalArgumentException(
          "tensors: expected a header of at most "
              + SafetensorsHeader.MAX_HEADER
              + " bytes, got "
              + utf8.length);
    }
    return utf8;
  }

  /**
   * Writes consecutive elements of a float tensor, converted from {@code f32} to its type (rounding
   * to nearest, ties to even).
   *
   * @param name a declared tensor of type F64, F32, F16 or BF16
   * @param first first element
   * @param source native-order floats
   * @param sourceByte byte position in {@code source} of the first
   * @param count number of elements
   * @throws IllegalArgumentException if the tensor is unknown, not of a float type or shorter
   * @throws IOException if writing fails
   */
  public void writeFloats(
      String name, long first, MemorySegment source, long sourceByte, long count)
      throws IOException {
    Slot slot = slot(name, first, count);
    ElementType type = floatType(slot);
    checkSource(source, sourceByte, count, Float.BYTES);
    long position = slot.position + first * type.bytes();
    if (type == ElementType.F32 && littleHost() && source.isNative()) {
      file.write(position, source.asSlice(sourceByte, count * Float.BYTES));
    } else {
      long step = Math.min(count, ByteSource.CHUNK / type.bytes());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(step * type.bytes(), Long.BYTES);
        for (long done = 0; done < count; done += step) {
          long now = Math.min(step, count - done);
          Elements.fromFloats(type, source, sourceByte + done * Float.BYTES, now, buffer, 0);
          file.write(position + done * type.bytes(), buffer.asSlice(0, now * type.bytes()));
        }
      }
    }
    slot.written += count;
  }

  /**
   * Writes consecutive elements that already have the tensor's type.
   *
   * @param name a declared tensor
   * @param first first element
   * @param source elements of the tensor's type in native byte order
   * @param sourceByte byte position in {@code source} of the first
   * @param count number of elements
   * @throws IllegalArgumentException if the tensor is unknown or shorter
   * @throws IOException if writing fails
   */
  public void writeRaw(String name, long first, MemorySegment source, long sourceByte, long count)
      throws IOException {
    Slot slot = slot(name, first, count);
    int size = slot.info.type().bytes();
    checkSource(source, sourceByte, count, size);
    if (!littleHost() && size > 1) {
      throw new UnsupportedOperationException("raw elements on a big-endian host");
    }
    long step = Math.min(count, ByteSource.CHUNK / size);
    long position = slot.position + first * size;
    if (source.isNative()) {
      file.write(position, source.asSlice(sourceByte, count * size));
    } else {
      // A channel accepts no segment over an array other than byte[].
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(step * size, Long.BYTES);
        for (long done = 0; done < count; done += step) {
          long now = Math.min(step, count - done);
          MemorySegment.copy(source, sourceByte + done * size, buffer, 0, now * size);
          file.write(position + done * size, buffer.asSlice(0, now * size));
        }
      }
    }
    slot.written += count;
  }

  /**
   * Writes consecutive rows of a float tensor.
   *
   * @param name a declared tensor of shape {@code [n, cols]}
   * @param firstRow row of the tensor that receives the matrix's first
   * @param matrix {@code [rows, cols]}
   * @throws IllegalArgumentException if the tensor is unknown, of another width or shorter
   * @throws IOException if writing fails
   */
  public void writeRows(String name, long firstRow, Matrix matrix) throws IOException {
    TensorInfo info = slot(name, 0, 0).info;
    if (info.shape().size() != 2 || info.shape().get(1) != matrix.cols()) {
      throw new IllegalArgumentException(
          "matrix: expected rows of '" + name + "' " + info.shape() + ", got " + matrix.shape());
    }
    writeFloats(
        name,
        Math.multiplyExact(firstRow, (long) matrix.cols()),
        matrix.segment(),
        0,
        matrix.size());
  }

  /**
   * Writes a whole tensor as the transpose of a matrix, tile by tile.
   *
   * @param name a declared float tensor of shape {@code [cols, rows]}
   * @param matrix {@code [rows, cols]}
   * @throws IllegalArgumentException if the tensor is unknown or of another shape
   * @throws IOException if writing fails
   */
  public void writeTransposed(String name, Matrix matrix) throws IOException {
    Slot slot = slot(name, 0, matrix.size());
    ElementType type = floatType(slot);
    int rows = matrix.rows();
    int cols = matrix.cols();
    if (!slot.info.shape().equals(List.of((long) cols, (long) rows))) {
      throw new IllegalArgumentException(
          "matrix: expected the transpose of '"
              + name
              + "' "
              + slot.info.shape()
              + ", got "
              + matrix.shape());
    }
    MemorySegment source = matrix.segment();
    try (Arena arena = Arena.ofConfined()) {
      int tileRows = Math.min(rows, TILE_ROWS);
      int tileCols = Math.min(cols, TILE_COLS);
      // An odd number of cache lines apart, so that the columns of a tile do not share cache sets.
      int stride = tileRows + 16;
      MemorySegment tile = arena.allocate((long) stride * tileCols * Float.BYTES, Long.BYTES);
      MemorySegment buffer = arena.allocate((long) tileRows * type.bytes(), Long.BYTES);
      for (int col = 0; col < cols; col += TILE_COLS) {
        int width = Math.min(TILE_COLS, cols - col);
        for (int row = 0; row < rows; row += Math.min(TILE_ROWS, rows - row)) {
          int height = Math.min(TILE_ROWS, rows - row);
          for (int r = 0; r < height; r++) {
            long from = matrix.rowOffset(row + r) + (long) col * Float.BYTES;
            for (int c = 0; c < width; c++) {
              float value = source.get(Matrix.FLOAT, from + (long) c * Float.BYTES);
              tile.set(Matrix.FLOAT, ((long) c * stride + r) * Float.BYTES, value);
            }
          }
          for (int c = 0; c < width; c++) {
            Elements.fromFloats(type, tile, (long) c * stride * Float.BYTES, height, buffer, 0);
            file.write(
                slot.position + ((long) (col + c) * rows + row) * type.bytes(),
                buffer.asSlice(0, (long) height * type.bytes()));
          }
        }
      }
    }
    slot.written += matrix.size();
  }

  /**
   * Checks that every tensor has been written and syncs the file to disk. (The file's name is safe
   * only once its folder is synced too.)
   *
   * @throws IllegalStateException if elements are missing
   * @throws IOException if forcing fails
   */
  public void finish() throws IOException {
    for (Slot slot : slots.values()) {
      if (slot.written != slot.info.elements()) {
        throw new IllegalStateException(
            path
                + ": expected "
                + slot.info.elements()
                + " elements of '"
                + slot.info.name()
                + "', got "
                + slot.written);
      }
    }
    file.force();
  }

  /**
   * Closes the file, finished or not.
   *
   * @throws IOException if closing fails
   */
  @Override
  public void close() throws IOException {
    file.close();
  }

  private Slot slot(String name, long first, long count) {
    Slot slot = slots.get(name);
    if (slot == null) {
      throw new IllegalArgumentException(
          "name: expected one of " + slots.keySet() + ", got '" + name + "'");
    }
    long elements = slot.info.elements();
    if (first < 0 || count < 0 || first > elements - count) {
      throw new IllegalArgumentException(
          "first, count: expected a range within the "
              + elements
              + " elements of '"
              + name
              + "', got "
              + first
              + " + "
              + count);
    }
    return slot;
  }

  private static ElementType floatType(Slot slot) {
    ElementType type = slot.info.type();
    return switch (type) {
      case F64, F32, F16, BF16 -> type;
      case F8_E4M3, F8_E5M2, I64, I32, U8, BOOL ->
          throw new IllegalArgumentException(
              "name: expected a tensor of floats, '" + slot.info.name() + "' is " + type);
    };
  }

  private static void checkSource(MemorySegment source, long at, long count, int size) {
    if (at < 0 || at > source.byteSize() - count * size) {
      throw new IllegalArgumentException(
          "source: expected "
              + count
              + " elements of "
              + size
              + " bytes from byte "
              + at
              + ", got "
              + source.byteSize()
              + " bytes");
    }
  }

  private static boolean littleHost() {
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
  }
}
