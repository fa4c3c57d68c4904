package io.github.sae4j.internal.codes;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.SparseCodes;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Codes in files, with rows numbered from 0. Not thread-safe. */
public interface CodeSource extends Closeable {
  /** Number of rows. */
  long rows();

  /**
   * Reads consecutive rows. Sequential sources are slow for a row before the last one read.
   *
   * @param first first row
   * @param count how many
   * @param target receives them: {@code count} rows, latents ascending, values finite
   * @throws BadFileException if they are not
   * @throws IOException if reading fails
   */
  void read(long first, int count, SparseCodes target) throws IOException;

  /**
   * Sets the SAE that the codes belong to: from then on latents are checked against its size.
   *
   * @param dSae its number of latents
   * @throws BadFileException if the files state another number
   */
  void expectLatents(int dSae) throws BadFileException;

  /** Identifies the codes in the record of a job: JSON values. */
  Map<String, Object> identity() throws IOException;

  /** Names of the files of shards that {@code encode} writes. */
  Pattern SHARD = Pattern.compile(".+-([0-9]{5,})-of-([0-9]{5,})\\.(safetensors|jsonl)");

  /**
   * Opens codes.
   *
   * @param path a safetensors file or one of JSON lines; or a folder of such files, in the order of
   *     their names, of which no shard may be missing
   * @return the codes; the caller closes them
   * @throws BadFileException if there are none, or they are of another form
   * @throws IOException if reading fails
   */
  static CodeSource open(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return file(path);
    }
    List<Path> files;
    try (Stream<Path> entries = Files.list(path)) {
      files =
          entries
              .filter(Files::isRegularFile)
              .filter(file -> isCodes(file.getFileName().toString()))
              .sorted()
              .toList();
    }
    if (files.isEmpty()) {
      throw new BadFileException(
          path, "expected codes (.safetensors or .jsonl), found none; delphi's cache is not read");
    }
    expectAllShards(path, files);
    List<CodeSource> opened = new ArrayList<>();
    try {
      for (Path file : files) {
        opened.add(file(file));
      }
      return new JoinedCodes(opened);
    } catch (Throwable e) {
      for (CodeSource each : opened) {
        each.close();
      }
      throw e;
    }
  }

  private static boolean isCodes(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".safetensors") || lower.endsWith(".jsonl");
  }

  private static CodeSource file(Path path) throws IOException {
    return path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".jsonl")
        ? JsonLinesCodes.open(path)
        : TensorCodes.open(path);
  }

  private static void expectAllShards(Path folder, List<Path> files) throws BadFileException {
    int expected = 0;
    for (Path file : files) {
      Matcher shard = SHARD.matcher(file.getFileName().toString());
      if (!shard.matches()) {
        if (files.size() > 1) {
          throw new BadFileException(
              file, "lies beside other codes and is not a shard: name the file that is meant");
        }
        return;
      }
      expected++;
      if (Long.parseLong(shard.group(1)) != expected
          || Long.parseLong(shard.group(2)) < files.size()) {
        throw new BadFileException(
            folder, "expected shard " + expected + " of its codes, found " + file.getFileName());
      }
      if (expected == files.size() && Long.parseLong(shard.group(2)) != expected) {
        throw new BadFileException(
            folder,
            "expected " + Long.parseLong(shard.group(2)) + " shards of codes, found " + expected);
      }
    }
  }
}
