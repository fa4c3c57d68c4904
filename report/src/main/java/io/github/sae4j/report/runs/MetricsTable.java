package io.github.sae4j.report.runs;

import io.github.sae4j.internal.json.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code metrics.jsonl} as columns, whatever its keys are. A log of more lines than the page has
 * room for is thinned as it is read: neighbouring lines become one point, their mean, with the
 * smallest and the largest of their values kept beside it. Memory does not grow with the log.
 */
public final class MetricsTable {
  /** Points of a curve: more than a screen has columns. */
  public static final int MOST_POINTS = 1500;

  private static final int MOST_LINE_BYTES = 1 << 20;
  private static final String STEP = "step";

  /** Names of values that exist once in a run; more would be another kind of file. */
  private static final int MOST_COLUMNS = 200;

  /** Sums of some neighbouring lines. */
  private static final class Point {
    double step;
    long lines;
    final Map<String, double[]> sums = new LinkedHashMap<>();

    /** Adds mean, count, smallest, largest. */
    void add(String name, double value) {
      double[] sum =
          sums.computeIfAbsent(
              name, _ -> new double[] {0, 0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY});
      sum[0] += value;
      sum[1]++;
      sum[2] = Math.min(sum[2], value);
      sum[3] = Math.max(sum[3], value);
    }

    void add(Point other) {
      step = Math.max(step, other.step);
      lines += other.lines;
      other.sums.forEach(
          (name, from) -> {
            double[] sum = sums.putIfAbsent(name, from.clone());
            if (sum != null) {
              sum[0] += from[0];
              sum[1] += from[1];
              sum[2] = Math.min(sum[2], from[2]);
              sum[3] = Math.max(sum[3], from[3]);
            }
          });
    }
  }

  private final List<Point> points = new ArrayList<>();
  private final Map<String, Boolean> names = new LinkedHashMap<>();
  private long perPoint = 1;
  private long lines;
  private long unread;
  private Map<String, Object> last = Map.of();

  /** Bytes of the log that were read, up to the end of a line. */
  private long offset;

  /** The last line of those, with its end. */
  private byte[] newest = {};

  private MetricsTable() {}

  /**
   * Reads a log.
   *
   * @param file the log; none is as good as an empty one
   * @return its columns
   * @throws IOException if reading fails; lines that are no JSON objects are only counted
   */
  public static MetricsTable read(Path file) throws IOException {
    MetricsTable table = new MetricsTable();
    table.follow(file);
    return table;
  }

  /** A table of no lines, to {@link #follow} a log with. */
  public static MetricsTable empty() {
    return new MetricsTable();
  }

  /**
   * Adds what a log has got since it was last read. If it is another one, or was cut back, as by a
   * run that resumes, it is read anew.
   *
   * @param file the log; none is as good as an empty one
   * @throws IOException if reading fails; lines that are no JSON objects are only counted
   */
  public void follow(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      clear();
      return;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (!endsAsBefore(channel)) {
        clear();
      }
      channel.position(offset);
      readLines(file, channel);
    }
  }

  /** Whether what was read is still what the file begins with, by the line that was last. */
  private boolean endsAsBefore(FileChannel channel) throws IOException {
    if (channel.size() < offset) {
      return false;
    }
    ByteBuffer now = ByteBuffer.allocate(newest.length);
    long from = offset - newest.length;
    while (now.hasRemaining() && channel.read(now, from + now.position()) > 0) {
      continue;
    }
    return Arrays.equals(now.array(), newest);
  }

  private void clear() {
    points.clear();
    names.clear();
    perPoint = 1;
    lines = 0;
    unread = 0;
    last = Map.of();
    offset = 0;
    newest = new byte[0];
  }

  private void readLines(Path file, FileChannel channel) throws IOException {
    // Not closed: the channel is the caller's.
    InputStream in = new BufferedInputStream(Channels.newInputStream(channel), 1 << 16);
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    long length = 0;
    for (int next = in.read(); next >= 0; next = in.read()) {
      length++;
      if (next != '\n') {
        if (length <= MOST_LINE_BYTES) {
          line.write(next);
        }
        continue;
      }
      boolean tooLong = length > MOST_LINE_BYTES + 1;
      add(file, line.toByteArray(), tooLong);
      line.write('\n');
      newest = tooLong ? new byte[] {'\n'} : line.toByteArray();
      offset += length;
      line.reset();
      length = 0;
    }
    // What follows the last line end is a line that is being written.
  }

  private void add(Path file, byte[] line, boolean tooLong) {
    Map<?, ?> members = Map.of();
    try {
      if (!tooLong && Json.parse(file, line) instanceof Map<?, ?> object) {
        members = object;
      }
    } catch (IOException e) {
      members = Map.of();
    }
    if (!(members.get(STEP) instanceof Number step)) {
      unread++;
      return;
    }
    lines++;
    Point point = new Point();
    point.step = step.doubleValue();
    point.lines = 1;
    Map<String, Object> now = new LinkedHashMap<>();
    members.forEach(
        (key, value) -> {
          String name = (String) key;
          if (value instanceof Number number
              && Double.isFinite(number.doubleValue())
              && !name.equals(STEP)
              && (names.containsKey(name) || names.size() < MOST_COLUMNS)) {
            names.put(name, true);
            point.add(name, number.doubleValue());
          }
          now.put(name, value);
        });
    last = now;
    Point previous = points.isEmpty() ? null : points.getLast();
    if (previous != null && previous.lines < perPoint) {
      previous.add(point);
      return;
    }
    points.add(point);
    if (points.size() > MOST_POINTS) {
      thin();
    }
  }

  private void thin() {
    List<Point> half = new ArrayList<>();
    for (int i = 0; i < points.size(); i += 2) {
      Point point = points.get(i);
      if (i + 1 < points.size()) {
        point.add(points.get(i + 1));
      }
      half.add(point);
    }
    points.clear();
    points.addAll(half);
    perPoint *= 2;
  }

  /** {@return number of lines read} */
  public long lines() {
    return lines;
  }

  /** {@return the newest line, as it was written} */
  public Map<String, Object> last() {
    return last;
  }

  /**
   * The columns for the page.
   *
   * @return {@code step}, the points' last steps; {@code columns}: by name the means, null where a
   *     point has none; {@code ranges}: by name {@code [smallest, largest]}, if lines were joined
   */
  public Map<String, Object> toMap() {
    List<Object> steps = new ArrayList<>();
    points.forEach(point -> steps.add((long) point.step));
    Map<String, Object> columns = new LinkedHashMap<>();
    Map<String, Object> ranges = new LinkedHashMap<>();
    for (String name : names.keySet()) {
      List<Object> means = new ArrayList<>();
      List<Object> smallest = new ArrayList<>();
      List<Object> largest = new ArrayList<>();
      for (Point point : points) {
        double[] sum = point.sums.get(name);
        means.add(sum == null ? null : shown(sum[0] / sum[1]));
        smallest.add(sum == null ? null : shown(sum[2]));
        largest.add(sum == null ? null : shown(sum[3]));
      }
      columns.put(name, means);
      if (perPoint > 1) {
        ranges.put(name, Arrays.asList(smallest, largest));
      }
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("lines", lines);
    map.put("unread", unread);
    map.put("lines_per_point", perPoint);
    map.put("step", steps);
    map.put("columns", columns);
    map.put("ranges", ranges);
    return map;
  }

  /** A curve needs no more digits than a float has; whole numbers stay whole. */
  private static Object shown(double value) {
    if (value == Math.rint(value) && Math.abs(value) < 1e15) {
      return (long) value;
    }
    float rounded = (float) value;
    return Float.isFinite(rounded) && rounded != 0 ? (Object) rounded : (Object) value;
  }
}
