package io.github.sae4j.formats;

import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TensorFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Arrow's stream and file formats, uncompressed: the files of a folder that Hugging Face's {@code
 * datasets} saved, SAELens's cached activations among them. Columns of lists, large lists and
 * fixed-size lists of one length are tensors, {@code [rows, d]}, and lists of lists {@code [rows,
 * ctx, d]}. They are read in place.
 */
public final class ArrowFormat implements TensorFormat {
  /** Found by ServiceLoader. */
  public ArrowFormat() {}

  @Override
  public String name() {
    return "Arrow";
  }

  @Override
  public List<String> suffixes() {
    return List.of(".arrow", ".feather");
  }

  @Override
  public boolean inFolders() {
    return true;
  }

  @Override
  public TensorColumns open(Path file) throws IOException {
    return ArrowFile.open(file);
  }
}
