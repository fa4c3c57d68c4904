package io.github.sae4j.training;

import io.github.sae4j.format.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;

/**
 * {@code metrics.jsonl}: one JSON object a line, appended as it happens. A run that goes on from a
 * checkpoint first cuts the file back to it, so that the file of an interrupted run ends up with
 * the lines of an uninterrupted one.
 */
final class MetricsLog implements AutoCloseable {
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
   * @return the open log
   */
  static MetricsLog open(Path file, long step) throws IOException {
    long keep = Files.exists(file) ? lengthUpTo(file, step) : 0;
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      channel.truncate(keep);
      channel.position(keep);
      return new MetricsLog(file, channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static long lengthUpTo(Path file, long step) throws IOException {
    long keep = 0;
    byte[] bytes = Files.readAllBytes(file);
    int start = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        if (!isWithin(file, bytes, start, i, step)) {
          return keep;
        }
        start = i + 1;
        keep = start;
      }
    }
    return keep;
  }

  private static boolean isWithin(Path file, byte[] bytes, int from, int to, long step) {
    try {
      byte[] line = Arrays.copyOfRange(bytes, from, to);
      return Json.parse(file, line) instanceof Map<?, ?> members
          && members.get("step") instanceof Long number
          && number <= step;
    } catch (IOException e) {
      return false;
    }
  }

  /** Appends one object. */
  void append(Map<String, Object> line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((Json.line(line) + "\n").getBytes(StandardCharsets.UTF_8));
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw new IOException("cannot write " + file + ": " + e.getMessage(), e);
    }
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
