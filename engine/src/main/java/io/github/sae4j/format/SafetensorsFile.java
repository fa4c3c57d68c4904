package io.github.sae4j.format;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A safetensors file: eight bytes of little-endian header length, a JSON header, then the tensors
 * in row-major little-endian order (<a
 * href="https://github.com/huggingface/safetensors">huggingface/safetensors</a>).
 *
 * <p>The whole layout is checked when the file is opened: holes, overlaps, trailing bytes and sizes
 * that do not match the shape are refused, as the reference implementation does. Tensors of other
 * element types than {@link io.github.sae4j.memory.ElementType} has are listed as unreadable and do
 * not stand in the way of the rest. Opening costs memory in proportion to the header, reading next
 * to none.
 */
public final class SafetensorsFile implements TensorFile {
  private final FileSource file;
  private final TensorTable table;
  private final Map<String, String> metadata;

  private SafetensorsFile(FileSource file) throws IOException {
    SafetensorsHeader header = SafetensorsHeader.read(file);
    this.file = file;
    this.table = new TensorTable(file.path(), header.tensors(), header.unreadable());
    this.metadata = header.metadata();
  }

  /**
   * Opens a file and checks its header.
   *
   * @param path the file
   * @return the open file
   * @throws BadFileException if it is missing or not a valid safetensors file
   * @throws IOException if reading fails
   */
  public static SafetensorsFile open(Path path) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      return new SafetensorsFile(file);
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
    return metadata;
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
