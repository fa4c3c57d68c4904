package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Opens safetensors files: eight bytes of little-endian header length, a JSON header, then the
 * tensors in row-major little-endian order (<a
 * href="https://github.com/huggingface/safetensors">huggingface/safetensors</a>).
 *
 * <p>The whole layout is checked when the file is opened: holes, overlaps, trailing bytes and sizes
 * that do not match the shape are refused, as the reference implementation does. Tensors whose
 * element type is not an {@link io.github.sae4j.memory.ElementType} are listed as unreadable; the
 * others can be read. Opening takes memory in proportion to the header, reading hardly any.
 */
public final class SafetensorsFile {
  private SafetensorsFile() {}

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
   * @throws BadFileException if it is missing or not a valid safetensors file
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path, boolean wordsAreBf16) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      SafetensorsHeader header = SafetensorsHeader.read(file, wordsAreBf16);
      return new TensorFile(
          path, header.tensors(), header.unreadable(), header.metadata(), true, file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }
}
