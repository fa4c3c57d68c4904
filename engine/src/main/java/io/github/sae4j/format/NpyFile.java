package io.github.sae4j.format;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A numpy array file (<a
 * href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">npy</a> 1.0 to
 * 3.0): one tensor, named like the file without its suffix. Element types f8, f4, f2, i8, i4, u1
 * and b1 in either byte order; C order, or Fortran order up to two dimensions, which is read in
 * row-major order all the same. Anything else is refused in one line, bytes after the array too.
 */
public final class NpyFile implements TensorFile {
  private final FileSource file;
  private final TensorTable table;

  private NpyFile(FileSource file) throws IOException {
    this.file = file;
    Path path = file.path();
    NpyHeader header = NpyHeader.read(path, "", file, file.size());
    String obstacle = header.obstacle();
    if (obstacle != null) {
      throw new BadFileException(path, obstacle);
    }
    String name = NpyHeader.withoutSuffix(path.getFileName().toString());
    StoredTensor tensor = header.tensor(path, "", name, file, file.size());
    this.table = new TensorTable(path, List.of(tensor), Map.of());
  }

  /**
   * Opens a file and checks its header.
   *
   * @param path the file
   * @return the open file
   * @throws BadFileException if it is missing, not an npy file or of a kind that cannot be read
   * @throws IOException if reading fails
   */
  public static NpyFile open(Path path) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      return new NpyFile(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public List<TensorInfo> tensors() {
    return table.tensors();
  }

  @Override
  public Map<String, String> unreadable() {
    return table.unreadable();
  }

  @Override
  public Map<String, String> metadata() {
    return Map.of();
  }

  @Override
  public TensorInfo tensor(String name) throws BadFileException {
    return table.tensor(name);
  }

  @Override
  public void readFloats(
      TensorInfo tensor, long first, long count, MemorySegment target, long targetByte)
      throws IOException {
    table.readFloats(tensor, first, count, target, targetByte);
  }

  @Override
  public long[] readLongs(TensorInfo tensor, long first, int count) throws IOException {
    return table.readLongs(tensor, first, count);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
