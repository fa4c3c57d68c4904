package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.numerics.OrderedSums;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads weights out of a tensor file: shape and type are checked against what the configuration
 * says, every value must be finite.
 */
public final class WeightTensors implements Closeable {
  /** Values read at a time by the transposing reader: 8 MiB. */
  private static final int BLOCK = 2 << 20;

  /** Latents transposed at a time: their rows of a block stay in L1. */
  private static final int STRIP = 32;

  /**
   * A matrix in the file, checked.
   *
   * @param tensor the tensor
   * @param transposed whether its columns are the matrix's rows
   */
  public record Stored(TensorInfo tensor, boolean transposed) {}

  private final TensorFile file;

  /**
   * A reader of an open file.
   *
   * @param file the file; closed with the reader
   */
  public WeightTensors(TensorFile file) {
    this.file = file;
  }

  public Path path() {
    return file.path();
  }

  /** Free text in the file's header. */
  public Map<String, String> metadata() {
    return file.metadata();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** Refuses unknown tensors: they would mean another computation. */
  public void expectOnly(Set<String> known) throws BadFileException {
    List<String> others = new ArrayList<>();
    for (TensorInfo tensor : file.tensors()) {
      if (!known.contains(tensor.name())) {
        others.add(tensor.name());
      }
    }
    others.addAll(file.unreadable().keySet());
    others.removeAll(known);
    if (!others.isEmpty()) {
      throw new BadFileException(
          file.path(),
          "expected no tensors but " + known.stream().sorted().toList() + ", found " + others);
    }
  }

  /**
   * Whether there is a tensor of this name.
   *
   * @param name its name
   * @return true if the file has it
   */
  public boolean has(String name) {
    return file.tensors().stream().anyMatch(tensor -> tensor.name().equals(name));
  }

  /** Sizes of a tensor, checked to have this number of dimensions, each from 1 to 2^31 − 1. */
  public int[] sizes(String name, int dimensions) throws BadFileException {
    TensorInfo tensor = file.tensor(name);
    boolean fits = tensor.shape().size() == dimensions;
    for (long size : tensor.shape()) {
      fits &= size >= 1 && size <= Integer.MAX_VALUE;
    }
    if (!fits) {
      throw new BadFileException(
          file.path(),
          name
              + ": expected a shape of "
              + dimensions
              + " sizes from 1 to 2147483647, got "
              + tensor.shape());
    }
    return tensor.shape().stream().mapToInt(Long::intValue).toArray();
  }

  /** A matrix stored as it is used: {@code [rows, cols]}. */
  public Stored rows(String name, long rows, long cols) throws BadFileException {
    return new Stored(check(name, rows, cols), false);
  }

  /** A matrix {@code [rows, cols]} that is stored as {@code [cols, rows]}. */
  public Stored columns(String name, long rows, long cols) throws BadFileException {
    return new Stored(check(name, cols, rows), true);
  }

  /** The values of a vector of this length. */
  public float[] vector(String name, int length) throws IOException {
    return values(check(name, length));
  }

  /** The value of a tensor of one element, of any number of dimensions and any type. */
  public double scalar(String name) throws IOException {
    TensorInfo tensor = file.tensor(name);
    if (tensor.elements() != 1) {
      throw new BadFileException(
          file.path(), name + ": expected a single number, got shape " + tensor.shape());
    }
    return switch (tensor.type()) {
      case I64, I32, U8, BOOL -> file.readLongs(tensor, 0, 1)[0];
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> values(tensor)[0];
    };
  }

  /** Norms of a matrix's rows, by lanes as {@link io.github.sae4j.sae.Folding} forms them. */
  public float[] rowNorms(Stored stored, int rows, int cols) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(rows, cols);
      read(stored, matrix);
      float[] norms = new float[rows];
      float[] row = new float[cols];
      for (int i = 0; i < rows; i++) {
        matrix.read(i, 1, row, 0);
        norms[i] = (float) Math.sqrt(OrderedSums.dot(row, 0, row, 0, cols));
      }
      return norms;
    }
  }

  private float[] values(TensorInfo tensor) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix vector = memory.vector(Math.toIntExact(tensor.elements()));
      read(tensor, vector);
      return vector.toArray();
    }
  }

  /** Reads a matrix. */
  public void read(Stored stored, Matrix target) throws IOException {
    if (stored.transposed()) {
      readTransposed(stored.tensor(), target);
    } else {
      read(stored.tensor(), target);
    }
  }

  /**
   * The tensor, checked to hold floats in this shape.
   *
   * @param name its name
   * @param shape the sizes expected
   * @return its description
   * @throws BadFileException if it is missing or anything else
   */
  public TensorInfo check(String name, long... shape) throws BadFileException {
    TensorInfo tensor = file.tensor(name);
    List<Long> expected = new ArrayList<>();
    for (long size : shape) {
      expected.add(size);
    }
    if (!tensor.shape().equals(expected)) {
      throw new BadFileException(
          file.path(),
          name + ": expected shape " + expected + " by the configuration, got " + tensor.shape());
    }
    return switch (tensor.type()) {
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> tensor;
      case I64, I32, U8, BOOL ->
          throw new BadFileException(
              file.path(), name + ": expected F64, F32, F16, BF16 or F8, got " + tensor.type());
    };
  }

  /**
   * Reads a tensor stored as the matrix is laid out.
   *
   * @param tensor a tensor of as many elements
   * @param target receives them
   * @throws BadFileException if a value is not finite
   * @throws IOException if reading fails
   */
  public void read(TensorInfo tensor, Matrix target) throws IOException {
    file.readFloats(tensor, 0, target.size(), target.segment(), 0);
    float[] row = new float[target.cols()];
    for (int r = 0; r < target.rows(); r++) {
      target.read(r, 1, row, 0);
      int c = notFinite(row);
      if (c >= 0) {
        throw bad(tensor, (long) r * row.length + c);
      }
    }
  }

  /**
   * Reads a tensor {@code [cols, rows]} into a matrix {@code [rows, cols]}: some rows of the tensor
   * at a time, transposed strip by strip through the heap.
   */
  private void readTransposed(TensorInfo tensor, Matrix target) throws IOException {
    int n = target.rows();
    int d = target.cols();
    int most = Math.clamp(BLOCK / n, 1, d);
    float[][] block = new float[most][n];
    try (OffHeap memory = new OffHeap()) {
      Matrix stored = memory.matrix(most, n);
      for (int first = 0; first < d; first += most) {
        int count = Math.min(most, d - first);
        file.readFloats(tensor, (long) first * n, (long) count * n, stored.segment(), 0);
        for (int j = 0; j < count; j++) {
          stored.read(j, 1, block[j], 0);
          int i = notFinite(block[j]);
          if (i >= 0) {
            throw bad(tensor, (long) (first + j) * n + i);
          }
        }
        transpose(block, count, first, target);
      }
    }
  }

  private static void transpose(float[][] block, int count, int first, Matrix target) {
    float[] strip = new float[STRIP * count];
    MemorySegment to = target.segment();
    for (int from = 0; from < target.rows(); from += STRIP) {
      int height = Math.min(STRIP, target.rows() - from);
      for (int j = 0; j < count; j++) {
        float[] row = block[j];
        for (int i = 0; i < height; i++) {
          strip[i * count + j] = row[from + i];
        }
      }
      for (int i = 0; i < height; i++) {
        long at = target.rowOffset(from + i) + (long) first * Float.BYTES;
        MemorySegment.copy(strip, i * count, to, Matrix.FLOAT, at, count);
      }
    }
  }

  /** Position of the first value that is not finite, or -1. */
  public static int notFinite(float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        return i;
      }
    }
    return -1;
  }

  private BadFileException bad(TensorInfo tensor, long element) throws IOException {
    double stored = file.readDouble(tensor, element);
    return new BadFileException(
        file.path(),
        tensor.name()
            + ": expected finite weights, element "
            + element
            + " is "
            + stored
            + (Double.isFinite(stored) ? ", which does not fit f32 (at most 3.4e38)" : ""));
  }
}
