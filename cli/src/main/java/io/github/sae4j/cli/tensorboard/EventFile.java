package io.github.sae4j.cli.tensorboard;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One event file: records that hold {@code Event} messages. Each process that trains writes a file
 * of its own, newer by name than those before it; one that goes on after some step says so, and
 * TensorBoard forgets what earlier files have of later steps.
 */
final class EventFile implements AutoCloseable {
  private static final String PREFIX = "events.out.tfevents.";
  private static final String VERSION = "brain.Event:2";

  /** Event's fields. */
  private static final int WALL_TIME = 1;

  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;

  /** SessionLog's field, and the value that says that a process begins. */
  private static final int STATUS = 1;

  private static final int START = 1;

  /** Summary's field. */
  private static final int VALUE = 1;

  /** Value's fields. */
  private static final int TAG = 1;

  private static final int SIMPLE_VALUE = 2;
  private static final int HISTOGRAM = 5;

  private final FileChannel channel;
  private long end;

  private EventFile(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Creates a file.
   *
   * @param folder where
   * @param done steps done before: events of later steps in older files no longer count
   */
  static EventFile create(Path folder, long done) throws IOException {
    long number = Math.max(System.currentTimeMillis() / 1000, newest(folder) + 1);
    while (true) {
      String name =
          String.format(
              Locale.ROOT, "%s%010d.sae4j.%d", PREFIX, number, ProcessHandle.current().pid());
      try {
        EventFile file =
            new EventFile(
                FileChannel.open(
                    folder.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        file.append(event(0).text(FILE_VERSION, VERSION));
        if (done > 0) {
          ProtoWriter session = new ProtoWriter().int64(STATUS, START);
          file.append(event(done + 1).message(SESSION_LOG, session));
        }
        return file;
      } catch (FileAlreadyExistsException e) {
        number++;
      }
    }
  }

  /**
   * Seconds in the name of the newest file: TensorBoard reads files in the order of their names.
   */
  private static long newest(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .filter(name -> name.matches("events\\.out\\.tfevents\\.[0-9]{10}\\..*"))
          .mapToLong(name -> Long.parseLong(name.substring(PREFIX.length(), PREFIX.length() + 10)))
          .max()
          .orElse(-1);
    }
  }

  /** Appends numbers of a step. */
  void scalars(long step, Map<String, Double> values) throws IOException {
    ProtoWriter summary = new ProtoWriter();
    values.forEach(
        (tag, value) ->
            summary.message(
                VALUE, new ProtoWriter().text(TAG, tag).float32(SIMPLE_VALUE, value.floatValue())));
    append(event(step).message(SUMMARY, summary));
  }

  /** Appends a histogram. */
  void histogram(long step, String tag, Histogram histogram) throws IOException {
    ProtoWriter value = new ProtoWriter().text(TAG, tag).message(HISTOGRAM, histogram.toMessage());
    append(event(step).message(SUMMARY, new ProtoWriter().message(VALUE, value)));
  }

  private static ProtoWriter event(long step) {
    ProtoWriter event = new ProtoWriter().float64(WALL_TIME, System.currentTimeMillis() * 1e-3);
    return step == 0 ? event : event.int64(STEP, step);
  }

  private void append(ProtoWriter event) throws IOException {
    ByteBuffer record = Record.of(event.toBytes());
    int length = record.remaining();
    try {
      long at = end;
      while (record.hasRemaining()) {
        at += channel.write(record, at);
      }
      end += length;
    } catch (IOException e) {
      try {
        channel.truncate(end); // a reader would stop at an incomplete record
      } catch (IOException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  /** Syncs the file to disk. */
  void force() throws IOException {
    channel.force(false);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
