package io.github.sae4j.training;

import io.github.sae4j.format.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * {@code metrics.jsonl}: one JSON object a line, appended as it happens. A run that goes on from a
 * checkpoint first cuts the file back to it, so that the file of an interrupted run ends up with
 * the lines of an uninterrupted one.
 */
final class MetricsLog implements AutoCloseable {
  /** Far above any line of ours. */
  private static final int MOST_LINE_BYTES = 1 << 16;

  private final Path file;
  private final FileChannel channel;

  private MetricsLog(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens the log after a given step.
   *
   * @param file the file, created if missing
   * @param step lines of later steps are cut off, and so is anything from the first line on that
   *     does not read as one of ours
   * @param size bytes of the log at a checkpoint not later than the step, 0 without one: what lies
   *     before is kept unread, so that going on costs the same after any number of steps
   * @return the open log
   */
  static MetricsLog open(Path file, long step, long size) throws IOException {
    long keep = Files.exists(file) ? lengthUpTo(file, step, size) : 0;
    FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            // A log that is a link to somebody's file must not cost them that file.
            LinkOption.NOFOLLOW_LINKS);
    try {
      channel.truncate(keep);
      channel.position(keep);
      return new MetricsLog(file, channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** Reads line by line: the log of a long run need not fit into memory. */
  private static long lengthUpTo(Path file, long step, long size) throws IOException {
    long keep = endsALine(file, size) ? size : 0;
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      in.skipNBytes(keep);
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int next = in.read(); next >= 0 && line.size() <= MOST_LINE_BYTES; next = in.read()) {
        if (next != '\n') {
          line.write(next);
        } else if (isWithin(file, line.toByteArray(), step)) {
          keep += line.size() + 1;
          line.reset();
        } else {
          return keep;
        }
      }
    }
    return keep;
  }

  /** Whether the file's first so many bytes are whole lines; anybody may have changed it. */
  private static boolean endsALine(Path file, long size) throws IOException {
    if (size < 1 || size > Files.size(file)) {
      return false;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer last = ByteBuffer.allocate(1);
      return channel.read(last, size - 1) == 1 && last.get(0) == '\n';
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
   * Appends one object, whole or not at all.
   *
   * @throws IOException if it cannot be written, naming the file
   */
  void append(Map<String, Object> line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((Json.line(line) + "\n").getBytes(StandardCharsets.UTF_8));
    long before = channel.position();
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      IOException failure = cannotWrite(e);
      try {
        channel.truncate(before); // the next line must not go on where this one broke off
      } catch (IOException again) {
        failure.addSuppressed(again);
      }
      throw failure;
    }
  }

  /** Returns when all lines so far have reached the disk. */
  void force() throws IOException {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw cannotWrite(e);
    }
  }

  private IOException cannotWrite(IOException e) {
    return new IOException("cannot write " + file + ": " + e.getMessage(), e);
  }

  /** Bytes so far. */
  long size() throws IOException {
    return channel.size();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
