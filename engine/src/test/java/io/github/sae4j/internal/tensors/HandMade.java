package io.github.sae4j.internal.tensors;

import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files made byte by byte, so that readers are not tested by the writers beside them. */
final class HandMade {
  private HandMade() {}

  /** A safetensors file of a header and {@code data}, with the header's own length in front. */
  static byte[] safetensors(String header, byte... data) {
    return safetensors(header.getBytes(StandardCharsets.UTF_8), data);
  }

  static byte[] safetensors(byte[] header, byte... data) {
    return little(8 + header.length + data.length)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  /** An npy file of format 1.0 with this dictionary, padded as numpy does. */
  static byte[] npy(String dictionary, byte... data) {
    StringBuilder header = new StringBuilder(dictionary);
    while ((header.length() + 11) % 64 != 0) {
      header.append(' ');
    }
    byte[] text = header.append('\n').toString().getBytes(StandardCharsets.ISO_8859_1);
    return little(10 + text.length + data.length)
        .put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0})
        .putShort((short) text.length)
        .put(text)
        .put(data)
        .array();
  }

  static Path file(Path folder, String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  static byte[] shorts(int... values) {
    ByteBuffer bytes = little(2 * values.length);
    for (int value : values) {
      bytes.putShort((short) value);
    }
    return bytes.array();
  }

  static byte[] floats(float... values) {
    ByteBuffer bytes = little(4 * values.length);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  static byte[] ints(int... values) {
    ByteBuffer bytes = little(4 * values.length);
    for (int value : values) {
      bytes.putInt(value);
    }
    return bytes.array();
  }

  static byte[] longs(long... values) {
    ByteBuffer bytes = little(8 * values.length);
    for (long value : values) {
      bytes.putLong(value);
    }
    return bytes.array();
  }

  static byte[] doubles(double... values) {
    ByteBuffer bytes = little(8 * values.length);
    for (double value : values) {
      bytes.putDouble(value);
    }
    return bytes.array();
  }

  /** All elements of a tensor as floats. */
  static float[] read(TensorFile file, String name) throws IOException {
    TensorInfo info = file.tensor(name);
    return read(file, name, 0, info.elements());
  }

  static float[] read(TensorFile file, String name, long first, long count) throws IOException {
    try (OffHeap memory = new OffHeap()) {
      MemorySegment block = memory.block(count * 4);
      file.readFloats(file.tensor(name), first, count, block, 0);
      return block.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
