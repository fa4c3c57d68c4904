package io.github.sae4j.formats;

import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TensorFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * JSON lines: each line an array of numbers, or an object whose members of the same name are arrays
 * of numbers, all of one length. Numbers are read as {@code f32}, rounded to nearest.
 */
public final class JsonLinesFormat implements TensorFormat {
  /** Found by ServiceLoader. */
  public JsonLinesFormat() {}

  @Override
  public String name() {
    return "JSON lines";
  }

  @Override
  public List<String> suffixes() {
    return List.of(".jsonl");
  }

  /** Logs and texts are JSON lines too. */
  @Override
  public boolean inFolders() {
    return false;
  }

  @Override
  public TensorColumns open(Path file) throws IOException {
    return JsonLines.open(file);
  }
}
