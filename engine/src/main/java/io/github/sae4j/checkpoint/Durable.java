package io.github.sae4j.checkpoint;

import io.github.sae4j.internal.files.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;

/** fsync for files and directory entries, so that what was written survives a power cut. */
public final class Durable {
  private Durable() {}

  /**
   * Writes a small file atomically and durably: after a crash it is whole, or as it was before.
   *
   * @param file the file; an existing one is replaced
   * @param text its content
   * @throws IOException if it cannot be written, naming the file, which is then unchanged
   */
  public static void write(Path file, String text) throws IOException {
    Path fresh = file.resolveSibling(fresh(file.getFileName().toString()));
    try {
      // Left by a dead writer; if it is a link, its target is not touched.
      Files.deleteIfExists(fresh);
      try (DiskFile content =
          DiskFile.open(fresh, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeFully(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
        content.force();
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
      DiskFile.forceFolder(file.toAbsolutePath().getParent());
    } catch (IOException e) {
      try {
        Files.deleteIfExists(fresh);
      } catch (IOException left) {
        e.addSuppressed(left); // the next writer removes it
      }
      throw new IOException("cannot write " + file + ": " + reason(e), e);
    }
  }

  /** The temporary name under which a file is written. */
  static String fresh(String name) {
    return "." + name + ".new";
  }

  /** Creates a folder and its parents durably. */
  static void createFolders(Path folder) throws IOException {
    Deque<Path> missing = new ArrayDeque<>();
    for (Path above = folder.toAbsolutePath();
        above != null && !Files.exists(above);
        above = above.getParent()) {
      missing.push(above);
    }
    Files.createDirectories(folder);
    for (Path created : missing) {
      DiskFile.forceFolder(created.getParent());
    }
  }

  /** Exceptions of java.nio may carry only a path; the reason is then in their class. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> e.getMessage() + " has vanished";
      case AccessDeniedException _ -> "no permission to write " + e.getMessage();
      case FileSystemException file when file.getReason() == null ->
          e.getClass().getSimpleName() + " " + file.getFile();
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }

  /** Deletes a folder with all it holds; links are removed, not followed. */
  static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path inner, IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.deleteIfExists(inner);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
