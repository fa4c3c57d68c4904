package io.github.sae4j.format;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A format of files that hold tensors and that the library does not know itself, such as Parquet.
 * Implementations are found by {@link java.util.ServiceLoader}; files of their suffixes are then
 * taken wherever activations, masks or targets are read.
 */
public interface TensorFormat {
  /**
   * The format's name, for messages.
   *
   * @return for instance {@code Parquet}
   */
  String name();

  /**
   * How names of its files end.
   *
   * @return suffixes in lower case, with the dot; compared without regard to case
   */
  List<String> suffixes();

  /**
   * Whether its files are taken where a folder is given. Formats that other things are stored in
   * too, such as JSON, are only read where a file is named itself or by a glob that names the
   * suffix.
   *
   * @return true if a folder's files of its suffixes are meant to be read
   */
  boolean inFolders();

  /**
   * Opens a file and reads what describes it.
   *
   * @param file the file
   * @return its tensors
   * @throws BadFileException if it is missing, of another format or malformed
   * @throws IOException if reading fails
   */
  TensorColumns open(Path file) throws IOException;
}
