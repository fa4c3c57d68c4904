package io.github.sae4j.checkpoint;

import io.github.sae4j.internal.files.DiskFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Folders that appear complete or not at all. A folder is filled under a temporary name beside its
 * own, gets a {@link Manifest}, is forced to the disk and renamed; one that it replaces is renamed
 * aside first and removed last. A crash at any instant leaves the old folder, the new one, or (in
 * the instant between two renames) the old one aside, which {@link #recover} puts back.
 *
 * <p>Temporary names start with a dot and the folder's name: {@code .final.new-…}, {@code
 * .final.old-…}, each followed by a random UUID. Only such names are removed, so a folder that
 * somebody else named {@code .x.new-y} is left alone. One writer at a time per folder.
 */
public final class AtomicFolder {
  private static final String NEW = ".new-";
  private static final String OLD = ".old-";

  /** The folder's name: what stands between the dot and the suffix that {@link #aside} adds. */
  private static final Pattern ASIDE =
      Pattern.compile(
          "\\.(.+)\\.(?:new|old)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

  private AtomicFolder() {}

  /** What goes into a folder. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes files, no subfolders.
     *
     * @param folder an empty folder
     * @throws IOException if writing fails
     */
    void write(Path folder) throws IOException;
  }

  /**
   * Writes a folder, replacing one that was written in the same way.
   *
   * @param target the folder; its parent is created if missing
   * @param content fills it
   * @throws IOException if the target is a non-empty folder without a {@link Manifest}, which is
   *     somebody else's, or if writing fails; the folder is then unchanged
   */
  public static void write(Path target, Content content) throws IOException {
    if (Files.isDirectory(target) && !Manifest.isIn(target) && !isEmpty(target)) {
      throw new IOException(
          target
              + " holds files and no "
              + Manifest.NAME
              + " of ours: it would be replaced with all that is in it; choose another folder");
    }
    writeOwn(target, content);
  }

  /** Writes a folder that is ours by its location, even if its manifest is damaged. */
  static void writeOwn(Path target, Content content) throws IOException {
    Path own = target.toAbsolutePath().normalize();
    if (Files.exists(own) && !Files.isDirectory(own)) {
      throw new IOException(target + ": expected a folder or nothing, found a file");
    }
    Durable.createFolders(own.getParent());
    recover(own);
    Path fresh = aside(own, NEW);
    try {
      Files.createDirectory(fresh);
      content.write(fresh);
      Manifest.write(fresh);
      DiskFile.forceFolder(fresh);
      replace(own, fresh);
    } catch (Throwable e) {
      try {
        Durable.deleteTree(fresh);
      } catch (IOException left) {
        e.addSuppressed(left); // the next writer removes it
      }
      throw e;
    }
  }

  private static void replace(Path own, Path fresh) throws IOException {
    Path parent = own.getParent();
    if (!Files.exists(own)) {
      Files.move(fresh, own, StandardCopyOption.ATOMIC_MOVE);
      DiskFile.forceFolder(parent);
      return;
    }
    Path old = aside(own, OLD);
    Files.move(own, old, StandardCopyOption.ATOMIC_MOVE);
    try {
      Files.move(fresh, own, StandardCopyOption.ATOMIC_MOVE);
    } catch (Throwable e) {
      Files.move(old, own, StandardCopyOption.ATOMIC_MOVE);
      throw e;
    }
    DiskFile.forceFolder(parent);
    Durable.deleteTree(old);
  }

  /**
   * Removes a folder atomically: after a crash it is either whole or gone.
   *
   * @param target the folder
   * @throws IOException if it cannot be removed
   */
  static void delete(Path target) throws IOException {
    Path old = aside(target, NEW); // not OLD: it must not be put back
    Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    Durable.deleteTree(old);
  }

  /** Recovers from a writer that died: restores a folder left aside, removes temporary ones. */
  static void recover(Path own) throws IOException {
    Path parent = own.getParent();
    for (Path old : startingWith(parent, "." + own.getFileName() + OLD)) {
      if (Files.exists(own)) {
        Durable.deleteTree(old);
      } else {
        Files.move(old, own, StandardCopyOption.ATOMIC_MOVE);
        DiskFile.forceFolder(parent);
      }
    }
    for (Path fresh : startingWith(parent, "." + own.getFileName() + NEW)) {
      Durable.deleteTree(fresh);
    }
  }

  /** Recovers every folder of the parent, among these names, that dead writers left behind. */
  static void recoverAll(Path parent, Predicate<String> names) throws IOException {
    if (!Files.isDirectory(parent)) {
      return;
    }
    for (Path left : startingWith(parent, ".")) {
      Matcher name = ASIDE.matcher(left.getFileName().toString());
      if (name.matches() && names.test(name.group(1))) {
        recover(parent.resolve(name.group(1)));
      }
    }
  }

  /** Whether a name is temporary: a folder under construction or one put aside. */
  static boolean isAside(String name, String folder) {
    Matcher matcher = ASIDE.matcher(name);
    return matcher.matches() && matcher.group(1).equals(folder);
  }

  private static Path aside(Path own, String kind) {
    return own.resolveSibling("." + own.getFileName() + kind + UUID.randomUUID());
  }

  private static List<Path> startingWith(Path parent, String prefix) throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> entries = Files.list(parent)) {
      for (Path entry : (Iterable<Path>) entries.sorted()::iterator) {
        String name = entry.getFileName().toString();
        if (name.startsWith(prefix) && ASIDE.matcher(name).matches() && Files.isDirectory(entry)) {
          found.add(entry);
        }
      }
    }
    return found;
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.findAny().isEmpty();
    }
  }
}
