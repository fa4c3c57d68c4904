package io.github.sae4j.internal.tensors;

import io.github.sae4j.internal.files.FileSink;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes {@code f32} matrices and vectors as npy 1.0 files, byte for byte as numpy does. Files are
 * overwritten and have reached the disk when a method returns.
 */
public final class NpyWriter {
  /** numpy leaves room to grow the first size to this many digits in place. */
  private static final int GROWTH_DIGITS = 21;

  private NpyWriter() {}

  /**
   * Writes a matrix.
   *
   * @param path the file
   * @param matrix {@code [rows, cols]}, which is the shape in the file
   * @throws IOException if writing fails
   */
  public static void matrix(Path path, Matrix matrix) throws IOException {
    write(path, matrix, "(" + matrix.rows() + ", " + matrix.cols() + ")", matrix.rows());
  }

  /**
   * Writes a vector.
   *
   * @param path the file
   * @param vector {@code [1, n]}; its shape in the file is {@code [n]}
   * @throws IOException if writing fails
   */
  public static void vector(Path path, Matrix vector) throws IOException {
    if (vector.rows() != 1) {
      throw new IllegalArgumentException("vector: expected one row, got " + vector.shape());
    }
    write(path, vector, "(" + vector.cols() + ",)", vector.cols());
  }

  private static void write(Path path, Matrix matrix, String shape, int firstSize)
      throws IOException {
    byte[] header = header(shape, firstSize);
    try (FileSink file = FileSink.create(path)) {
      file.write(0, MemorySegment.ofArray(header));
      if (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
        file.write(header.length, matrix.segment());
      } else {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment swapped = arena.allocate(matrix.segment().byteSize());
          Elements.fromFloats(ElementType.F32, matrix.segment(), 0, matrix.size(), swapped, 0);
          file.write(header.length, swapped);
        }
      }
      file.force();
    }
  }

  private static byte[] header(String shape, int firstSize) {
    StringBuilder text =
        new StringBuilder("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }");
    text.repeat(' ', GROWTH_DIGITS - Integer.toString(firstSize).length());
    // Ten bytes before and a line end after it; data starts at a multiple of 64 bytes.
    text.repeat(' ', 63 - (10 + text.length()) % 64).append('\n');
    byte[] header = ("\u0093NUMPY\1\0??" + text).getBytes(StandardCharsets.ISO_8859_1);
    header[8] = (byte) text.length();
    header[9] = (byte) (text.length() >>> 8);
    return header;
  }
}
