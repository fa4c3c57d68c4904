package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A decoder of event files, written from the published formats (TensorFlow's record_writer, the
 * wire format of protocol buffers, event.proto, summary.proto and histogram.proto) and from nothing
 * of the writer.
 */
final class EventFiles {
  private EventFiles() {}

  /** A field of a message: its number, and a Long, Double, Float or ByteBuffer. */
  record Field(int number, Object value) {}

  /** An event: fields by number. */
  record Event(double wallTime, long step, List<Field> fields) {
    Object get(int number) {
      return fields.stream()
          .filter(field -> field.number() == number)
          .map(Field::value)
          .findFirst()
          .orElse(null);
    }
  }

  static List<Path> in(Path run) throws IOException {
    try (Stream<Path> entries = Files.list(run)) {
      return entries
          .filter(entry -> entry.getFileName().toString().contains("tfevents"))
          .sorted()
          .toList();
    }
  }

  /** CRC-32C (Castagnoli), bit by bit. */
  static int crc32c(byte[] bytes) {
    int crc = -1;
    for (byte next : bytes) {
      crc ^= next & 0xFF;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) != 0 ? crc >>> 1 ^ 0x82F63B78 : crc >>> 1;
      }
    }
    return ~crc;
  }

  private static int masked(byte[] bytes) {
    int crc = crc32c(bytes);
    return (crc >>> 15 | crc << 17) + 0xA282EAD8;
  }

  /** All events of a file; fails at the first byte that is not as published. */
  static List<Event> read(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertEquals(masked(length), in.getInt(), "checksum of the length");
      byte[] data =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      in.get(data);
      assertEquals(masked(data), in.getInt(), "checksum of the data");
      List<Field> fields = message(ByteBuffer.wrap(data));
      Event event = new Event(0, 0, fields);
      events.add(
          new Event((Double) event.get(1), event.get(2) == null ? 0 : (Long) event.get(2), fields));
    }
    return events;
  }

  static List<Field> message(Object bytes) {
    ByteBuffer in = ((ByteBuffer) bytes).duplicate().order(ByteOrder.LITTLE_ENDIAN);
    List<Field> fields = new ArrayList<>();
    while (in.hasRemaining()) {
      long tag = varint(in);
      Object value =
          switch ((int) (tag & 7)) {
            case 0 -> (Object) varint(in);
            case 1 -> (Object) in.getDouble();
            case 2 -> {
              int length = (int) varint(in);
              ByteBuffer part = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
              in.position(in.position() + length);
              yield part;
            }
            case 5 -> (Object) in.getFloat();
            default -> throw new AssertionError("wire type " + (tag & 7));
          };
      fields.add(new Field((int) (tag >>> 3), value));
    }
    return fields;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      byte next = in.get();
      value |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new AssertionError("a varint of more than 64 bits");
  }

  static String text(Object bytes) {
    return StandardCharsets.UTF_8.decode(((ByteBuffer) bytes).duplicate()).toString();
  }

  /**
   * What TensorBoard shows of a run's files: by tag and step the value, a Float or a histogram's
   * fields. A session that starts at a step makes what was there from that step on expire.
   */
  static Map<String, TreeMap<Long, Object>> shown(Path run) throws IOException {
    Map<String, TreeMap<Long, Object>> shown = new LinkedHashMap<>();
    for (Path file : in(run)) {
      List<Event> events = read(file);
      assertEquals("brain.Event:2", text(events.getFirst().get(3)), "the version comes first");
      for (Event event : events) {
        Object session = event.get(7);
        if (session != null) {
          assertEquals(List.of(new Field(1, 1L)), message(session), "SessionLog.START");
          shown.values().forEach(steps -> steps.tailMap(event.step(), true).clear());
        }
        Object summary = event.get(5);
        if (summary == null) {
          continue;
        }
        for (Field value : message(summary)) {
          assertEquals(1, value.number());
          List<Field> fields = message(value.value());
          String tag = text(fields.get(0).value());
          Object number =
              fields.get(1).number() == 2 ? fields.get(1).value() : message(fields.get(1).value());
          Object before =
              shown.computeIfAbsent(tag, _ -> new TreeMap<>()).put(event.step(), number);
          assertTrue(before == null, tag + " twice at step " + event.step());
        }
      }
    }
    return shown;
  }
}
