package io.github.sae4j.layout;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The place that a user names: an SAE's folder, or the file of its weights, whose folder may hold
 * the configuration.
 */
final class SaeFiles {
  /** Files of a folder looked at; folders of SAEs hold a few, of data sets thousands. */
  private static final int MOST = 1000;

  private final Path path;
  private final boolean isFolder;

  SaeFiles(Path path) {
    this.path = path;
    this.isFolder = Files.isDirectory(path);
  }

  /** What the user named. */
  Path path() {
    return path;
  }

  /** The folder, or the one that the file is in. */
  Path folder() {
    return isFolder ? path : path.toAbsolutePath().getParent();
  }

  /**
   * A file of weights of a known name.
   *
   * @param name its name; may lead into a folder below
   * @return the file, if the folder has it, or if it is what the user named
   */
  Optional<Path> weights(String name) {
    if (isFolder) {
      Path file = path.resolve(name);
      return Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
    }
    return path.toAbsolutePath().endsWith(name) ? Optional.of(path) : Optional.empty();
  }

  /**
   * The file of weights that ends like this, where names vary.
   *
   * @param suffixes in lower case
   * @return the file named, or the only one of the folder
   * @throws BadFileException if the folder has several
   */
  Optional<Path> onlyWeights(String... suffixes) throws IOException {
    if (!isFolder) {
      return ends(path, suffixes) ? Optional.of(path) : Optional.empty();
    }
    List<Path> found;
    try (Stream<Path> files = Files.list(path)) {
      found = files.limit(MOST).filter(file -> ends(file, suffixes)).sorted().toList();
    }
    if (found.size() > 1) {
      throw new BadFileException(
          path,
          "expected one SAE, found several: name one of "
              + found.stream().map(file -> file.getFileName().toString()).limit(20).toList());
    }
    return found.stream().findFirst();
  }

  private static boolean ends(Path file, String... suffixes) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return Stream.of(suffixes).anyMatch(name::endsWith) && Files.isRegularFile(file);
  }

  /** Whether a file is in the folder. */
  boolean has(String name) {
    return Files.isRegularFile(folder().resolve(name));
  }

  /** A JSON object of the folder, if the file is there. */
  Optional<JsonObject> json(String name) throws IOException {
    return has(name) ? Optional.of(JsonObject.read(folder().resolve(name))) : Optional.empty();
  }
}
