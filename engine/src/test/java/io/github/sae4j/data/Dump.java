package io.github.sae4j.data;

import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Small activation files, written byte by byte. Value {@code c} of row {@code r} is {@code first +
 * r + c / 8}: exact in every float type while rows and widths are small.
 */
final class Dump {
  private final StringBuilder header = new StringBuilder();
  private byte[] data = new byte[0];

  /** The value a dump that starts at {@code first} holds. */
  static float value(long first, long row, int col) {
    return first + row + col / 8f;
  }

  /** A safetensors file of F32 activations {@code [rows, width]}. */
  static Path safetensors(Path file, long first, int rows, int width) throws IOException {
    return new Dump().add("activations", ElementType.F32, first, rows, width).write(file);
  }

  /** Adds a tensor whose last dimension is the width; integers count rows modulo 2. */
  Dump add(String name, ElementType type, long first, long... shape) {
    int width = (int) shape[shape.length - 1];
    int elements = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    ByteBuffer bytes = ByteBuffer.allocate(elements * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      float value = value(first, i / width, i % width);
      switch (type) {
        case F64 -> bytes.putDouble(value);
        case F32 -> bytes.putFloat(value);
        case F16 -> bytes.putShort(Float.floatToFloat16(value));
        case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        case I64 -> bytes.putLong(i % 2);
        case I32 -> bytes.putInt(i % 2);
        case U8, BOOL -> bytes.put((byte) (i % 2));
      }
    }
    return add(name, type, bytes.array(), shape);
  }

  /** Adds a tensor of the given bytes. */
  Dump add(String name, ElementType type, byte[] bytes, long... shape) {
    return add(name, type.name(), bytes, shape);
  }

  /** Adds a tensor of any dtype. */
  Dump add(String name, String type, byte[] bytes, long... shape) {
    header
        .append(header.isEmpty() ? "{" : ",")
        .append("\"%s\":{\"dtype\":\"%s\",\"shape\":[".formatted(name, type))
        .append(LongStream.of(shape).mapToObj(Long::toString).collect(Collectors.joining(",")))
        .append("],\"data_offsets\":[%d,%d]}".formatted(data.length, data.length + bytes.length));
    int end = data.length;
    data = Arrays.copyOf(data, end + bytes.length);
    System.arraycopy(bytes, 0, data, end, bytes.length);
    return this;
  }

  /** Writes what was added as safetensors. */
  Path write(Path file) throws IOException {
    byte[] json = (header.isEmpty() ? "{}" : header + "}").getBytes(StandardCharsets.UTF_8);
    ByteBuffer all =
        ByteBuffer.allocate(8 + json.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    all.putLong(json.length).put(json).put(data);
    Files.createDirectories(file.getParent());
    return Files.write(file, all.array());
  }

  /** An npy file of the given bytes. */
  static Path npy(Path file, String descr, byte[] bytes, String shape) throws IOException {
    String dict =
        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }".formatted(descr, shape);
    String padded = dict + " ".repeat(63 - (10 + dict.length()) % 64) + "\n";
    ByteBuffer all =
        ByteBuffer.allocate(10 + padded.length() + bytes.length).order(ByteOrder.LITTLE_ENDIAN);
    all.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    all.put((byte) 1).put((byte) 0).putShort((short) padded.length());
    all.put(padded.getBytes(StandardCharsets.US_ASCII)).put(bytes);
    return Files.write(file, all.array());
  }

  /** An npy file of f32 activations {@code [rows, width]}. */
  static Path npy(Path file, long first, int rows, int width) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(rows * width * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rows * width; i++) {
      bytes.putFloat(value(first, i / width, i % width));
    }
    return npy(file, "<f4", bytes.array(), rows + ", " + width);
  }

  /** An npz file of f32 activations {@code [rows, width]} under the usual name, compressed. */
  static Path npz(Path file, long first, int rows, int width) throws IOException {
    Path member = npy(file.resolveSibling("member.tmp"), first, rows, width);
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(new ZipEntry("activations.npy"));
      Files.copy(member, zip);
    }
    Files.delete(member);
    return file;
  }
}
