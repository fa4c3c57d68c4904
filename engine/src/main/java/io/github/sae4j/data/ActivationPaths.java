package io.github.sae4j.data;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFormats;
import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/**
 * Resolves what a user gives as activations, files, folders and globs, to files in path order.
 * Links to files and folders are followed, except those that lead back to a parent folder.
 */
final class ActivationPaths {
  /**
   * A file.
   *
   * @param path the file as the user would write it
   * @param named whether the user named this very file; if not, it was found in a folder
   */
  record Found(Path path, boolean named) {}

  private static final List<String> SUFFIXES =
      List.of(".safetensors", ".npy", ".npz", ".pt", ".pth");

  /** Suffixes that torch.save is given too; such a file is read where it is named itself. */
  private static final List<String> ALSO_TORCH = List.of(".bin", ".ckpt");

  private static final String KINDS = ".safetensors, .npy, .npz, .pt or .pth file";

  /** What was looked for, in words. */
  private static String kinds() {
    Set<String> others = TensorFormats.suffixes();
    return others.isEmpty() ? KINDS : KINDS + ", nor one of " + String.join(", ", others);
  }

  /** Compared name by name, so that the order does not depend on how '/' sorts. */
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
   * specifications. A file that links reach by several names counts once, under the first of them.
   */
  static Collection<Found> resolve(List<String> specs) throws IOException {
    TreeMap<Path, Found> files = new TreeMap<>(PATH_ORDER);
    for (String spec : specs) {
      for (Found file : resolve(spec)) {
        files.merge(
            file.path().toAbsolutePath().normalize(),
            file,
            (first, second) -> first.named() ? first : second);
      }
    }
    Set<Path> real = new HashSet<>();
    files.values().removeIf(file -> !real.add(real(file.path())));
    return files.values();
  }

  private static Path real(Path file) {
    try {
      return file.toRealPath();
    } catch (IOException e) {
      return file.toAbsolutePath().normalize(); // opening it reports what is wrong
    }
  }

  private static List<Found> resolve(String spec) throws IOException {
    Path path;
    try {
      path = Path.of(spec);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(
          "activations: not a path: '" + spec + "'" + encoding(spec), e);
    }
    if (spec.isEmpty()) {
      throw new IllegalArgumentException("activations: expected a path, got an empty one");
    }
    if (Files.isDirectory(path)) {
      return nonEmpty(
          path, find(path, 1, suffixes(TensorFormats.folderSuffixes()), file -> true), "holds no ");
    }
    if (Files.exists(path)) {
      return List.of(new Found(path, true));
    }
    int literal = literalNames(path);
    if (literal == path.getNameCount()) {
      throw new BadFileException(path, "no such file or folder");
    }
    return glob(path, literal);
  }

  /** Java encodes file names by the locale; the C locale has nothing beyond ASCII. */
  private static String encoding(String spec) {
    String names = System.getProperty("sun.jnu.encoding", "");
    return spec.chars().allMatch(c -> c < 128)
        ? ""
        : " (this Java takes names of files to be in "
            + names
            + "; start it with LC_ALL=C.UTF-8 in the environment, no option of Java helps)";
  }

  /**
   * How many leading names of the path are literal: without glob characters, or existing as they
   * are written.
   */
  private static int literalNames(Path path) {
    int names = 0;
    while (names < path.getNameCount()
        && (isPlain(path.getName(names)) || Files.exists(front(path, names + 1)))) {
      names++;
    }
    return names;
  }

  private static boolean isPlain(Path name) {
    return name.toString().chars().noneMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  /** The root, if there is one, and the first names of a path. */
  private static Path front(Path path, int names) {
    Path root = path.getRoot() == null ? Path.of("") : path.getRoot();
    return names == 0 ? root : root.resolve(path.subpath(0, names));
  }

  private static List<Found> glob(Path path, int literal) throws IOException {
    Path base = front(path, literal);
    if (!Files.isDirectory(base)) {
      throw new BadFileException(path, "no folder '" + base + "' to look in");
    }
    String pattern = path.subpath(literal, path.getNameCount()).toString();
    List<String> suffixes = suffixes(globSuffixes(path.getFileName().toString()));
    int depth = pattern.contains("**") ? Integer.MAX_VALUE : path.getNameCount() - literal;
    List<Path> found = find(base, depth, suffixes, below(base, matcher(path, pattern)));
    if (found.isEmpty()) {
      // Brackets and braces that match nothing are part of a name.
      String escaped = pattern.replaceAll("[\\\\\\[\\]{}]", "\\\\$0");
      found = find(base, depth, suffixes, below(base, matcher(path, escaped)));
    }
    return nonEmpty(path, found, "matches no ");
  }

  /** As in a shell, {@code **} may match no folder at all; Java's needs at least one. */
  private static PathMatcher matcher(Path path, String pattern) {
    try {
      PathMatcher matcher = path.getFileSystem().getPathMatcher("glob:" + pattern);
      PathMatcher shorter =
          path.getFileSystem().getPathMatcher("glob:" + pattern.replace("**/", ""));
      return file -> matcher.matches(file) || shorter.matches(file);
    } catch (PatternSyntaxException e) {
      return file -> false; // a bracket that is never closed
    }
  }

  private static PathMatcher below(Path base, PathMatcher matcher) {
    return file -> matcher.matches(base.toString().isEmpty() ? file : base.relativize(file));
  }

  private static List<Path> find(
      Path folder, int depth, Collection<String> suffixes, PathMatcher wanted) throws IOException {
    List<Path> found = new ArrayList<>();
    Files.walkFileTree(
        folder,
        EnumSet.of(FileVisitOption.FOLLOW_LINKS),
        depth,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile() && has(file, suffixes) && wanted.matches(file)) {
              found.add(file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException failure)
              throws IOException {
            if (failure instanceof FileSystemLoopException) {
              return FileVisitResult.CONTINUE;
            }
            throw failure;
          }
        });
    return found;
  }

  /**
   * As for a folder, and what the pattern's last name spells out: beside activations there may be
   * logs and tokens in files of other suffixes, which {@code *} does not mean.
   */
  private static Set<String> globSuffixes(String pattern) {
    String lower = pattern.toLowerCase(Locale.ROOT);
    Set<String> suffixes = new TreeSet<>(TensorFormats.folderSuffixes());
    for (String suffix : TensorFormats.suffixes()) {
      // Of a group, such as *.{npy,jsonl}, the dot may stand outside.
      if (lower.contains(suffix) || lower.contains("{") && lower.contains(suffix.substring(1))) {
        suffixes.add(suffix);
      }
    }
    return suffixes;
  }

  private static List<String> suffixes(Set<String> others) {
    return Stream.concat(SUFFIXES.stream(), others.stream()).toList();
  }

  private static boolean has(Path file, Collection<String> suffixes) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return suffixes.stream().anyMatch(name::endsWith);
  }

  private static List<Found> nonEmpty(Path path, List<Path> files, String problem)
      throws IOException {
    if (files.isEmpty()) {
      throw new BadFileException(path, problem + kinds() + torch(path).orElse(""));
    }
    return files.stream().map(file -> new Found(file, false)).toList();
  }

  /** What may be files of torch in a folder that has nothing else to offer. */
  private static Optional<String> torch(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return Optional.empty();
    }
    TreeSet<String> names = new TreeSet<>();
    try (var entries = Files.list(folder)) {
      entries
          .filter(file -> has(file, ALSO_TORCH))
          .forEach(file -> names.add(file.getFileName().toString()));
    }
    return names.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "; '" + names.getFirst() + "' may be one of torch.save: name the file itself");
  }
}
