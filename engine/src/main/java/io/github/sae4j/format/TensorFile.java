package io.github.sae4j.format;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * An open file of named tensors: safetensors, npy or npz. Reads go by position into the caller's
 * memory, never through a mapping, so a file cut short by another process gives an exception and
 * not a dead VM. Reading is thread-safe.
 */
public interface TensorFile extends Closeable {
  /**
   * Opens a file of any known format, told by its first bytes; where they fit none, the suffix
   * decides which format complains.
   *
   * @param path a safetensors, npy or npz file
   * @return the open file
   * @throws BadFileException if it is missing, of another format or malformed
   * @throws IOException if reading fails
   */
  static TensorFile open(Path path) throws IOException {
    byte[] start;
    try (FileSource file = FileSource.open(path)) {
      if (file.size() == 0) {
        throw new BadFileException(
            path, "expected a safetensors, npy or npz file, got an empty one");
      }
      start = new byte[(int) Math.min(9, file.size())];
      file.read(0, MemorySegment.ofArray(start));
    }
    String name = path.getFileName().toString();
    if (NpyHeader.isMagic(start) || name.endsWith(".npy")) {
      return NpyFile.open(path);
    }
    boolean zip = start.length > 3 && start[0] == 'P' && start[1] == 'K' && start[2] < 8;
    if (zip && start[3] == start[2] + 1 || name.endsWith(".npz")) {
      return NpzFile.open(path);
    }
    if (start.length == 9 && start[8] == '{' || name.endsWith(".safetensors")) {
      return SafetensorsFile.open(path);
    }
    throw new BadFileException(path, "expected a safetensors, npy or npz file, got something else");
  }

  /**
   * The file itself.
   *
   * @return its path as opened
   */
  Path path();

  /**
   * The tensors in the order of the file.
   *
   * @return their descriptions
   */
  List<TensorInfo> tensors();

  /**
   * Tensors that the file holds and this library cannot read, for instance of an element type it
   * does not know. They are left out of {@link #tensors()}.
   *
   * @return names and the reason each; usually empty
   */
  Map<String, String> unreadable();

  /**
   * Free text that the file carries.
   *
   * @return keys and values; empty where the format has none
   */
  Map<String, String> metadata();

  /**
   * Finds a tensor.
   *
   * @param name its name
   * @return its description
   * @throws BadFileException if the file has none of that name, or one that cannot be read; the
   *     message lists those it has
   */
  TensorInfo tensor(String name) throws BadFileException;

  /**
   * Reads consecutive elements in row-major (C) order, converted to {@code f32}. Integers and
   * doubles are rounded to nearest.
   *
   * @param tensor one of {@link #tensors()}
   * @param first first element in {@code [0, elements]}
   * @param count number of elements
   * @param target receives {@code count} native-order floats
   * @param targetByte byte position in {@code target} of the first
   * @throws BadFileException if the file ends early
   * @throws IOException if reading fails
   */
  void readFloats(TensorInfo tensor, long first, long count, MemorySegment target, long targetByte)
      throws IOException;

  /**
   * Reads consecutive elements of an integer tensor (I64, I32, U8, BOOL) in row-major order.
   *
   * @param tensor one of {@link #tensors()}
   * @param first first element
   * @param count number of elements, at most an array's size
   * @return the values
   * @throws BadFileException if the tensor is not of an integer type or the file ends early
   * @throws IOException if reading fails
   */
  long[] readLongs(TensorInfo tensor, long first, int count) throws IOException;
}
