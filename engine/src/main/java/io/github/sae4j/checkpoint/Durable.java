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

/** What a file system needs to be told so that a power cut finds what was written. */
public final class Durable {
  private Durable() {}

  /**
   * Writes a small file so that it is there whole or not at all, whatever happens meanwhile.
   *
   * @param file the file; one that is there is replaced
   * @param text its content
   * @throws IOException if it cannot be written, naming the file; it is then as it was before
   */
  public static void write(Path file, String text) throws IOException {
    Path fresh = file.resolveSibling(fresh(file.getFileName().toString()));
    try {
      // One that a dead writer left; if it is a link, what it points to is not touched.
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

  /** Under which name a file is written before it takes its own. */
  static String fresh(String name) {
    return "." + name + ".new";
  }

  /** Creates a folder with those above it, each of them there after a power cut. */
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

  /** The bare exceptions of java.nio carry a path and leave the words to their class name. */
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
