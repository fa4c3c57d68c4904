package io.github.sae4j.internal.jobs;

import io.github.sae4j.internal.json.Json;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The layout of a safetensors file whose content is written separately, for files that grow while a
 * job runs and that a resumed job continues. Element types are named as in the file; tensors are in
 * the given order, which is best from wide elements to narrow ones, so that each is aligned.
 */
final class SafetensorsPlan {
  /**
   * A tensor.
   *
   * @param name its name
   * @param type its element type as safetensors spells it
   * @param width bytes of an element
   * @param shape its sizes
   */
  record Part(String name, String type, int width, List<Long> shape) {
    /** Copies the shape. */
    Part {
      shape = List.copyOf(shape);
    }

    /** Bytes of all elements. */
    long bytes() {
      long bytes = width;
      for (long size : shape) {
        bytes = Math.multiplyExact(bytes, size);
      }
      return bytes;
    }
  }

  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final byte[] header;
  private final Map<String, Long> positions = new LinkedHashMap<>();

  /**
   * A file.
   *
   * @param metadata free text for the header
   * @param parts its tensors, of distinct names
   */
  SafetensorsPlan(Map<String, String> metadata, List<Part> parts) {
    Map<String, Object> members = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      members.put("__metadata__", new TreeMap<>(metadata));
    }
    long offset = 0;
    for (Part part : parts) {
      long end = Math.addExact(offset, part.bytes());
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", part.type());
      entry.put("shape", part.shape());
      entry.put("data_offsets", List.of(offset, end));
      members.put(part.name(), entry);
      positions.put(part.name(), offset);
      offset = end;
    }
    StringBuilder text = new StringBuilder(Json.line(members));
    int bytes = text.toString().getBytes(StandardCharsets.UTF_8).length;
    text.repeat(' ', -bytes & 7);
    byte[] utf8 = text.toString().getBytes(StandardCharsets.UTF_8);
    header = new byte[8 + utf8.length];
    MemorySegment.ofArray(header).set(LENGTH, 0, utf8.length);
    System.arraycopy(utf8, 0, header, 8, utf8.length);
    positions.replaceAll((name, position) -> position + header.length);
  }

  /** The bytes before the tensors. */
  byte[] header() {
    return header.clone();
  }

  /**
   * Where a tensor begins.
   *
   * @param name one of the tensors
   * @return its first byte's position in the file
   */
  long position(String name) {
    return positions.get(name);
  }
}
