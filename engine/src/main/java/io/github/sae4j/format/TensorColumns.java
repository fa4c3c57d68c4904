package io.github.sae4j.format;

import io.github.sae4j.memory.ElementType;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** An open file of a {@link TensorFormat}: tensors by name, read by position, by many threads. */
public interface TensorColumns extends Closeable {
  /**
   * A tensor.
   *
   * @param name its name, distinct within the file
   * @param type its elements
   * @param shape sizes, outermost first, each at least 0; {@code [rows, d_in]} or {@code [seq, ctx,
   *     d_in]} for activations, {@code [seq, ctx]} for token ids
   */
  record Column(String name, ElementType type, List<Long> shape) {
    /** Copies the shape. */
    public Column {
      shape = List.copyOf(shape);
    }
  }

  /**
   * What can be read.
   *
   * @return the tensors in the order of the file
   */
  List<Column> columns();

  /**
   * What else the file holds.
   *
   * @return by name why it cannot be read, what was expected and what came; usually empty
   */
  Map<String, String> others();

  /**
   * What reading a tensor in any order keeps in memory until the file is closed.
   *
   * @param column one of {@link #columns}
   * @return bytes; 0 where elements are read in place
   */
  long held(Column column);

  /**
   * Reads bytes of a tensor's elements, which are numbered as if they lay in row-major order,
   * little-endian, without gaps.
   *
   * @param column one of {@link #columns}
   * @param position first byte, a multiple of the element's size
   * @param target receives {@code target.byteSize()} bytes, a multiple of the element's size; the
   *     range lies within the tensor
   * @throws BadFileException if the file turns out to be malformed
   * @throws IOException if reading fails
   */
  void read(Column column, long position, MemorySegment target) throws IOException;

  /**
   * Columns that hold a text for each row, for reports.
   *
   * @return their names in the order of the file; usually empty
   */
  default List<String> texts() {
    return List.of();
  }

  /**
   * Opens a column of texts; several may be open at a time.
   *
   * @param column one of {@link #texts}
   * @return its texts; the caller closes them, before this file
   * @throws BadFileException if the file turns out to be malformed
   * @throws IOException if reading fails
   */
  default TextCursor openTexts(String column) throws IOException {
    throw new IllegalArgumentException("texts: there is no column '" + column + "'");
  }
}
