package io.github.sae4j.formats;

import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TensorFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Parquet, uncompressed or with Snappy, gzip or Zstandard: columns of lists of one length are
 * tensors {@code [rows, d]}, lists of lists {@code [rows, ctx, d]}, bare numbers {@code [rows]}.
 * Values are decoded once and held in memory, within the bound of compressed npz files.
 */
public final class ParquetFormat implements TensorFormat {
  /** Found by ServiceLoader. */
  public ParquetFormat() {}

  @Override
  public String name() {
    return "Parquet";
  }

  @Override
  public List<String> suffixes() {
    return List.of(".parquet");
  }

  @Override
  public boolean inFolders() {
    return true;
  }

  @Override
  public TensorColumns open(Path file) throws IOException {
    return ParquetFile.open(file);
  }
}
