package io.github.sae4j.internal.records;

import io.github.sae4j.internal.files.DiskFile;
import io.github.sae4j.internal.json.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * {@code metrics.jsonl}: one JSON object per line, appended during the run. A run that resumes from
 * a checkpoint first truncates the file to it, so that the file ends up with the lines of an
 * uninterrupted run.
 */
public final class MetricsLog implements AutoCloseable {
  /** Far above the length of any line that is written. */
  private static final int MOST_LINE_BYTES = 1 << 16;

  private final Path file;
  private final DiskFile log;
  private long end;

  private MetricsLog(Path file, DiskFile log, long end) {
    this.file = file;
    this.log = log;
    this.end = end;
  }

  /**
   * Opens the log after a given step.
   *
   * @param file the file, created if missing
   * @param step lines of later steps are removed, and so is everything from the first line that is
   *     not one of this log
   * @param size bytes of the log at a checkpoint not later than the step, 0 without one; they are
   *     kept unread, so that resuming takes the same time after any number of steps
   * @return the open log
   */
  public static MetricsLog open(Path file, long step, long size) throws IOException {
    long keep = Files.exists(file) ? lengthUpTo(file, step, size) : 0;
    DiskFile log =
        DiskFile.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            // Never truncate the target of a link.
            LinkOption.NOFOLLOW_LINKS);
    try {
      log.truncate(keep);
      return new MetricsLog(file, log, keep);
    } catch (IOException e) {
      log.close();
      throw e;
    }
  }

  /** Reads line by line: the log of a long run need not fit into memory. */
  private static long lengthUpTo(Path file, long step, long size) throws IOException {
    long keep = endsALine(file, size) ? size : 0;
    try (DiskFile in = DiskFile.open(file, StandardOpenOption.READ)) {
      ByteBuffer bytes = ByteBuffer.allocate(MOST_LINE_BYTES);
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long at = keep;
      for (int got = in.read(bytes, at); got >= 0; got = in.read(bytes, at)) {
        at += got;
        bytes.flip();
        while (bytes.hasRemaining()) {
          byte next = bytes.get();
          if (next != '\n') {
            line.write(next);
          } else if (isWithin(file, line.toByteArray(), step)) {
            keep += line.size() + 1;
            line.reset();
          } else {
            return keep;
          }
        }
        bytes.clear();
        if (line.size() > MOST_LINE_BYTES) {
          return keep;
        }
      }
    }
    return keep;
  }

  /**
   * Whether the first bytes of the file, up to a size, are whole lines; the file may have been
   * edited.
   */
  private static boolean endsALine(Path file, long size) throws IOException {
    if (size < 1 || size > Files.size(file)) {
      return false;
    }
    try (DiskFile in = DiskFile.open(file, StandardOpenOption.READ)) {
      ByteBuffer last = ByteBuffer.allocate(1);
      return in.read(last, size - 1) == 1 && last.get(0) == '\n';
    }
  }

  private static boolean isWithin(Path file, byte[] line, long step) {
    try {
      return Json.parse(file, line) instanceof Map<?, ?> members
          && members.get("step") instanceof Long number
          && number <= step;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Appends one object atomically.
   *
   * @throws IOException if it cannot be written, naming the file
   */
  public void append(Map<String, Object> line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((Json.line(line) + "\n").getBytes(StandardCharsets.UTF_8));
    try {
      int length = bytes.remaining();
      log.writeFully(bytes, end);
      end += length;
    } catch (IOException e) {
      IOException failure = cannotWrite(e);
      try {
        log.truncate(end); // the next line must not continue an incomplete one
      } catch (IOException again) {
        failure.addSuppressed(again);
      }
      throw failure;
    }
  }

  /** Syncs all lines so far to disk. */
  public void force() throws IOException {
    try {
      log.force();
    } catch (IOException e) {
      throw cannotWrite(e);
    }
  }

  private IOException cannotWrite(IOException e) {
    return new IOException("cannot write " + file + ": " + e.getMessage(), e);
  }

  /** Size of the log in bytes. */
  public long size() {
    return end;
  }

  @Override
  public void close() throws IOException {
    log.close();
  }
}
