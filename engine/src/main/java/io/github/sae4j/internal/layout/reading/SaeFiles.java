package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The path that a user names: an SAE's folder, or the file of its weights, whose folder may hold
 * the configuration.
 */
public final class SaeFiles {
  /** How many files of a folder are examined; SAEs have a few, data sets thousands. */
  private static final int MOST = 1000;

  /** How many names a message lists. */
  private static final int LISTED = 20;

  private final Path path;
  private final boolean isFolder;

  public SaeFiles(Path path) {
    this.path = path;
    this.isFolder = Files.isDirectory(path);
  }

  /** What the user named. */
  public Path path() {
    return path;
  }

  /** The folder, or the one that the file is in. */
  public Path folder() {
    return isFolder ? path : path.toAbsolutePath().getParent();
  }

  /**
   * A file of weights of a known name.
   *
   * @param name its name; may be in a subfolder
   * @return the file, if the folder has it, or if it is what the user named
   */
  public Optional<Path> weights(String name) {
    if (isFolder) {
      Path file = path.resolve(name);
      return Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
    }
    return path.toAbsolutePath().endsWith(name) ? Optional.of(path) : Optional.empty();
  }

  /**
   * The file of weights, for layouts where its name varies.
   *
   * @param names pattern of the names
   * @return the file named, or the only one of the folder
   * @throws BadFileException if the folder has several
   */
  public Optional<Path> onlyWeights(Pattern names) throws IOException {
    List<Path> found = all(names);
    if (found.size() > 1) {
      throw new BadFileException(
          path,
          "expected one SAE, found several: name one of "
              + found.stream().map(file -> file.getFileName().toString()).limit(LISTED).toList());
    }
    return found.stream().findFirst();
  }

  /** Any file whose name matches. */
  public Optional<Path> first(Pattern names) throws IOException {
    return all(names).stream().findFirst();
  }

  private List<Path> all(Pattern names) throws IOException {
    if (!isFolder) {
      return matches(path, names) ? List.of(path) : List.of();
    }
    try (Stream<Path> files = Files.list(path)) {
      return files.limit(MOST).filter(file -> matches(file, names)).sorted().toList();
    }
  }

  private static boolean matches(Path file, Pattern names) {
    return names.matcher(file.getFileName().toString()).matches() && Files.isRegularFile(file);
  }

  /** Whether a file is in the folder. */
  public boolean has(String name) {
    return Files.isRegularFile(folder().resolve(name));
  }

  /** A JSON object of the folder, if the file is there. */
  public Optional<JsonObject> json(String name) throws IOException {
    return has(name)
        ? Optional.of(JsonObject.readForeign(folder().resolve(name)))
        : Optional.empty();
  }
}
