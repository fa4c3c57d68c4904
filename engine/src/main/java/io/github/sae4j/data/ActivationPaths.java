package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a user writes for activations, a file, a folder or a glob, as files in path order. */
final class ActivationPaths {
  private static final List<String> SUFFIXES = List.of(".safetensors", ".npy", ".npz");
  private static final String KINDS = ".safetensors, .npy or .npz file";

  /** Name by name, so that the order does not depend on where '/' sorts among characters. */
  private static final Comparator<Path> PATH_ORDER =
      (a, b) -> {
        int names = Math.min(a.getNameCount(), b.getNameCount());
        for (int i = 0; i < names; i++) {
          int order = a.getName(i).toString().compareTo(b.getName(i).toString());
          if (order != 0) {
            return order;
          }
        }
        return Integer.compare(a.getNameCount(), b.getNameCount());
      };

  private ActivationPaths() {}

  /**
   * Resolves specifications to files, each once, in path order whatever the order of the
   * specifications.
   */
  static Collection<Path> resolve(List<String> specs) throws IOException {
    TreeMap<Path, Path> files = new TreeMap<>(PATH_ORDER);
    for (String spec : specs) {
      for (Path file : resolve(spec)) {
        files.putIfAbsent(file.toAbsolutePath().normalize(), file);
      }
    }
    return files.values();
  }

  private static List<Path> resolve(String spec) throws IOException {
    Path path;
    try {
      path = Path.of(spec);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("activations: not a path: '" + spec + "'", e);
    }
    if (spec.isEmpty()) {
      throw new IllegalArgumentException("activations: expected a path, got an empty one");
    }
    if (Files.isDirectory(path)) {
      return nonEmpty(path, find(path, 1, file -> true), "holds no ");
    }
    if (Files.exists(path)) {
      return List.of(path);
    }
    int literal = literalNames(path);
    if (literal == path.getNameCount()) {
      throw new BadFileException(path, "no such file or folder");
    }
    return glob(path, literal);
  }

  /** How many leading names of the path hold no glob character. */
  private static int literalNames(Path path) {
    int names = 0;
    while (names < path.getNameCount()
        && path.getName(names).toString().chars().noneMatch(c -> "*?[{".indexOf(c) >= 0)) {
      names++;
    }
    return names;
  }

  private static List<Path> glob(Path path, int literal) throws IOException {
    Path base = path.getRoot() == null ? Path.of("") : path.getRoot();
    if (literal > 0) {
      base = base.resolve(path.subpath(0, literal));
    }
    if (!Files.isDirectory(base)) {
      throw new BadFileException(path, "no folder '" + base + "' to look in");
    }
    String pattern = path.subpath(literal, path.getNameCount()).toString();
    PathMatcher matcher = path.getFileSystem().getPathMatcher("glob:" + pattern);
    // As in a shell, ** may stand for no folder at all; Java's wants at least one.
    PathMatcher shorter = path.getFileSystem().getPathMatcher("glob:" + pattern.replace("**/", ""));
    int depth = pattern.contains("**") ? Integer.MAX_VALUE : path.getNameCount() - literal;
    Path from = base;
    return nonEmpty(
        path,
        find(
            base,
            depth,
            file -> {
              Path below = from.toString().isEmpty() ? file : from.relativize(file);
              return matcher.matches(below) || shorter.matches(below);
            }),
        "matches no ");
  }

  private static List<Path> find(Path folder, int depth, PathMatcher wanted) throws IOException {
    try (Stream<Path> files = Files.walk(folder, depth)) {
      return files
          .filter(file -> isActivations(file) && wanted.matches(file) && Files.isRegularFile(file))
          .toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static boolean isActivations(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return SUFFIXES.stream().anyMatch(name::endsWith);
  }

  private static List<Path> nonEmpty(Path path, List<Path> files, String problem)
      throws BadFileException {
    if (files.isEmpty()) {
      throw new BadFileException(path, problem + KINDS);
    }
    return files;
  }
}
