package io.github.sae4j.internal.tensors;

import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Collects named tensors and writes them as one safetensors file. Nothing is copied: matrices and
 * arrays are read when the file is written, and memory use does not depend on their size. The same
 * contents give the same bytes, in whatever order they were added.
 *
 * <pre>{@code
 * new SafetensorsWriter()
 *     .transposed("W_enc", wEnc) // [d_sae, d_in] in memory, [d_in, d_sae] in the file
 *     .matrix("W_dec", wDec)
 *     .vector("b_enc", bEnc)
 *     .write(path);
 * }</pre>
 */
public final class SafetensorsWriter {
  private interface Content {
    void write(SafetensorsOutput output, String name) throws IOException;
  }

  private record Entry(TensorInfo info, Content content) {}

  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, String> metadata = new TreeMap<>();

  /** Creates a writer without tensors or metadata. */
  public SafetensorsWriter() {}

  /**
   * Adds free text to the header.
   *
   * @param key key; an earlier value of the same key is replaced
   * @param value text
   * @return this
   */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a matrix as F32.
   *
   * @param name name in the file
   * @param matrix {@code [rows, cols]}
   * @return this
   */
  public SafetensorsWriter matrix(String name, Matrix matrix) {
    return matrix(name, matrix, ElementType.F32);
  }

  /**
   * Adds a matrix.
   *
   * @param name name in the file
   * @param matrix {@code [rows, cols]}
   * @param type F64, F32, F16 or BF16
   * @return this
   */
  public SafetensorsWriter matrix(String name, Matrix matrix, ElementType type) {
    return tensor(name, matrix, type, matrix.rows(), matrix.cols());
  }

  /**
   * Adds the transpose of a matrix as F32.
   *
   * @param name name in the file, where its shape is {@code [cols, rows]}
   * @param matrix {@code [rows, cols]}
   * @return this
   */
  public SafetensorsWriter transposed(String name, Matrix matrix) {
    return transposed(name, matrix, ElementType.F32);
  }

  /**
   * Adds the transpose of a matrix.
   *
   * @param name name in the file, where its shape is {@code [cols, rows]}
   * @param matrix {@code [rows, cols]}
   * @param type F64, F32, F16 or BF16
   * @return this
   */
  public SafetensorsWriter transposed(String name, Matrix matrix, ElementType type) {
    checkFloat(type);
    return add(
        name,
        type,
        (output, declared) -> output.writeTransposed(declared, matrix),
        matrix.cols(),
        matrix.rows());
  }

  /**
   * Adds a vector as F32.
   *
   * @param name name in the file, where its shape is {@code [n]}
   * @param vector {@code [1, n]}
   * @return this
   */
  public SafetensorsWriter vector(String name, Matrix vector) {
    return vector(name, vector, ElementType.F32);
  }

  /**
   * Adds a vector.
   *
   * @param name name in the file, where its shape is {@code [n]}
   * @param vector {@code [1, n]}
   * @param type F64, F32, F16 or BF16
   * @return this
   */
  public SafetensorsWriter vector(String name, Matrix vector, ElementType type) {
    if (vector.rows() != 1) {
      throw new IllegalArgumentException("vector: expected one row, got " + vector.shape());
    }
    return tensor(name, vector, type, vector.cols());
  }

  /**
   * Adds the elements of a matrix, in row-major order, under any shape.
   *
   * @param name name in the file
   * @param matrix the elements
   * @param type F64, F32, F16 or BF16
   * @param shape sizes whose product is the matrix's number of elements; none for a scalar
   * @return this
   */
  public SafetensorsWriter tensor(String name, Matrix matrix, ElementType type, long... shape) {
    checkFloat(type);
    checkCount(name, matrix.size(), shape);
    return add(
        name,
        type,
        (output, declared) -> output.writeFloats(declared, 0, matrix.segment(), 0, matrix.size()),
        shape);
  }

  /**
   * Adds floats as F32.
   *
   * @param name name in the file
   * @param values the elements, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter floats(String name, float[] values, long... shape) {
    return array(name, ElementType.F32, MemorySegment.ofArray(values), values.length, shape);
  }

  /**
   * Adds doubles as F64.
   *
   * @param name name in the file
   * @param values the elements, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter doubles(String name, double[] values, long... shape) {
    return array(name, ElementType.F64, MemorySegment.ofArray(values), values.length, shape);
  }

  /**
   * Adds integers as I32.
   *
   * @param name name in the file
   * @param values the elements, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter ints(String name, int[] values, long... shape) {
    return array(name, ElementType.I32, MemorySegment.ofArray(values), values.length, shape);
  }

  /**
   * Adds integers as I64.
   *
   * @param name name in the file
   * @param values the elements, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter longs(String name, long[] values, long... shape) {
    return array(name, ElementType.I64, MemorySegment.ofArray(values), values.length, shape);
  }

  /**
   * Adds bytes as U8.
   *
   * @param name name in the file
   * @param values the elements, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter bytes(String name, byte[] values, long... shape) {
    return array(name, ElementType.U8, MemorySegment.ofArray(values), values.length, shape);
  }

  /**
   * Adds elements that already have their stored type.
   *
   * @param name name in the file
   * @param type their type
   * @param elements exactly the elements, in native byte order, row-major
   * @param shape sizes whose product is their number; none for a scalar
   * @return this
   */
  public SafetensorsWriter raw(
      String name, ElementType type, MemorySegment elements, long... shape) {
    if (elements.byteSize() % type.bytes() != 0) {
      throw new IllegalArgumentException(
          "elements: expected a multiple of "
              + type.bytes()
              + " bytes, got "
              + elements.byteSize());
    }
    return array(name, type, elements, elements.byteSize() / type.bytes(), shape);
  }

  /**
   * Writes the file and syncs it to disk. An existing file is overwritten, and a failure leaves an
   * invalid one, so a caller that replaces something of value writes to a temporary name and
   * renames.
   *
   * @param path the file
   * @throws IllegalArgumentException if a name was used twice or is {@code __metadata__}
   * @throws IOException if writing fails
   */
  public void write(Path path) throws IOException {
    List<TensorInfo> infos = entries.stream().map(Entry::info).toList();
    try (SafetensorsOutput output = SafetensorsOutput.create(path, metadata, infos)) {
      for (Entry entry : entries) {
        entry.content().write(output, entry.info().name());
      }
      output.finish();
    }
  }

  private SafetensorsWriter array(
      String name, ElementType type, MemorySegment values, long count, long... shape) {
    checkCount(name, count, shape);
    return add(
        name, type, (output, declared) -> output.writeRaw(declared, 0, values, 0, count), shape);
  }

  private SafetensorsWriter add(String name, ElementType type, Content content, long... shape) {
    entries.add(
        new Entry(new TensorInfo(name, type, Arrays.stream(shape).boxed().toList()), content));
    return this;
  }

  private static void checkFloat(ElementType type) {
    switch (type) {
      case F64, F32, F16, BF16 -> {}
      case I64, I32, U8, BOOL ->
          throw new IllegalArgumentException("type: expected F64, F32, F16 or BF16, got " + type);
    }
  }

  private static void checkCount(String name, long count, long... shape) {
    long product = 1;
    for (long size : shape) {
      product = Math.multiplyExact(product, size);
    }
    if (product != count) {
      throw new IllegalArgumentException(
          "shape of '"
              + name
              + "': expected a product of "
              + count
              + ", got "
              + Arrays.toString(shape));
    }
  }
}
