package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Opens numpy array files (<a
 * href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">npy</a> 1.0 to
 * 3.0): one tensor, named like the file without its suffix. Element types f8, f4, f2, V2
 * (bfloat16), i8, i4, u1 and b1 in either byte order; C or Fortran order; both are read in
 * row-major order. Anything else, including bytes after the array, is refused in one line.
 */
public final class NpyFile {
  private NpyFile() {}

  /**
   * Opens a file as it says it is: unsigned 16-bit integers cannot be read.
   *
   * @param path the file
   * @return the open file
   * @throws BadFileException as {@link #open(Path, boolean)}
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path) throws IOException {
    return open(path, false);
  }

  /**
   * Opens a file and checks its header.
   *
   * @param path the file
   * @param wordsAreBf16 whether unsigned 16-bit integers are the bits of bfloat16
   * @return the open file
   * @throws UnreadableTensorException if the array is of a kind that cannot be read
   * @throws BadFileException if it is missing or not an npy file
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path, boolean wordsAreBf16) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      NpyHeader header = NpyHeader.read(path, "", file, file.size());
      String obstacle = header.obstacle(wordsAreBf16);
      String name = NpyHeader.withoutSuffix(path.getFileName().toString());
      if (obstacle != null) {
        throw new UnreadableTensorException(
            path, new UnreadableTensor(name, header.descr(), header.shape(), obstacle));
      }
      StoredTensor tensor = header.tensor(path, "", name, file, file.size(), wordsAreBf16);
      return new TensorFile(path, List.of(tensor), List.of(), Map.of(), false, file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }
}
