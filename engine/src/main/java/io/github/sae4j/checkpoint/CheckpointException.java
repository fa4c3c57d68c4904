package io.github.sae4j.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A checkpoint could not be written: disk full, no permission, vanished folder. The message names
 * the folder, the reason, and the previous checkpoint, which is intact.
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
            + Durable.reason(cause)
            + intact.map(path -> "; the previous one, " + path + ", is intact").orElse(""),
        cause);
  }
}
