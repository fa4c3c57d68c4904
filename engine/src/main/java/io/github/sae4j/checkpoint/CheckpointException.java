package io.github.sae4j.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A checkpoint could not be written: disk full, no permission, vanished folder. The message names
 * the folder, the reason, and the checkpoint before it, which is intact.
 */
public final class CheckpointException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * A failure to write.
   *
   * @param folder the checkpoint
   * @param intact the newest complete checkpoint, if there is one
   * @param cause what went wrong
   */
  CheckpointException(Path folder, Optional<Path> intact, IOException cause) {
    super(
        "cannot write checkpoint "
            + folder
            + ": "
            + reason(cause)
            + intact.map(path -> "; the one before it, " + path + ", is intact").orElse(""),
        cause);
  }

  /** The bare exceptions of java.nio carry a path and leave the words to their class name. */
  private static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> e.getMessage() + " has vanished";
      case AccessDeniedException _ -> "no permission to write " + e.getMessage();
      case FileSystemException file when file.getReason() == null ->
          e.getClass().getSimpleName() + " " + file.getFile();
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }
}
