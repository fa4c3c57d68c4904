package io.github.sae4j.format;

import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** The tensors of one open file by name, and how to read them. */
final class TensorTable {
  /** How many names a message lists. */
  private static final int LISTED = 20;

  private final Path path;
  private final Map<String, StoredTensor> stored = new LinkedHashMap<>();
  private final List<TensorInfo> infos;
  private final Map<String, String> unreadable;

  /**
   * A table; names have been checked to be distinct.
   *
   * @param path the file, for messages
   * @param tensors its tensors in the order of the file
   * @param unreadable names of tensors left out and why
   */
  TensorTable(Path path, List<StoredTensor> tensors, Map<String, String> unreadable) {
    this.path = path;
    tensors.forEach(tensor -> stored.put(tensor.info().name(), tensor));
    this.infos = tensors.stream().map(StoredTensor::info).toList();
    this.unreadable = Collections.unmodifiableMap(new LinkedHashMap<>(unreadable));
  }

  List<TensorInfo> tensors() {
    return infos;
  }

  Map<String, String> unreadable() {
    return unreadable;
  }

  TensorInfo tensor(String name) throws BadFileException {
    Objects.requireNonNull(name, "name");
    StoredTensor tensor = stored.get(name);
    if (tensor != null) {
      return tensor.info();
    }
    String why = unreadable.get(name);
    if (why != null) {
      throw new BadFileException(path, "cannot read tensor '" + name + "': " + why);
    }
    String names =
        stored.isEmpty()
            ? "no tensors"
            : stored.keySet().stream().limit(LISTED).collect(Collectors.joining(", "))
                + (stored.size() > LISTED ? ", ... (" + stored.size() + " in all)" : "");
    throw new BadFileException(path, "expected a tensor '" + name + "', the file has " + names);
  }

  void readFloats(TensorInfo info, long first, long count, MemorySegment target, long targetByte)
      throws IOException {
    StoredTensor tensor = checked(info, first, count);
    Objects.requireNonNull(target, "target");
    if (targetByte < 0 || targetByte > target.byteSize() - count * Float.BYTES) {
      throw new IllegalArgumentException(
          "target: expected room for "
              + count
              + " floats from byte "
              + targetByte
              + ", got "
              + target.byteSize()
              + " bytes");
    }
    if (count == 0) {
      return;
    }
    ElementType type = info.type();
    long position = tensor.position() + first * type.bytes();
    boolean bigHost = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;
    if (type == ElementType.F32 && tensor.bigEndian() == bigHost && target.isNative()) {
      tensor.source().read(position, target.asSlice(targetByte, count * Float.BYTES));
      return;
    }
    long step = step(tensor, count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(step * type.bytes(), Long.BYTES);
      for (long done = 0; done < count; done += step) {
        long now = Math.min(step, count - done);
        tensor.source().read(position + done * type.bytes(), buffer.asSlice(0, now * type.bytes()));
        Elements.toFloats(
            type, tensor.bigEndian(), buffer, now, target, targetByte + done * Float.BYTES);
      }
    }
  }

  long[] readLongs(TensorInfo info, long first, int count) throws IOException {
    StoredTensor tensor = checked(info, first, count);
    ElementType type = info.type();
    switch (type) {
      case I64, I32, U8, BOOL -> {}
      case F64, F32, F16, BF16 ->
          throw new BadFileException(
              path,
              "tensor '" + info.name() + "': expected integers (I64, I32, U8, BOOL), got " + type);
    }
    long[] values = new long[count];
    if (count == 0) {
      return values;
    }
    int step = Math.toIntExact(step(tensor, count));
    long position = tensor.position() + first * type.bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate((long) step * type.bytes(), Long.BYTES);
      for (int done = 0; done < count; done += Math.min(step, count - done)) {
        int now = Math.min(step, count - done);
        tensor
            .source()
            .read(
                position + (long) done * type.bytes(),
                buffer.asSlice(0, (long) now * type.bytes()));
        Elements.toLongs(type, tensor.bigEndian(), buffer, now, values, done);
      }
    }
    return values;
  }

  /** Elements converted at a time. */
  private static long step(StoredTensor tensor, long count) {
    return Math.min(count, tensor.source().chunk() / tensor.info().type().bytes());
  }

  private StoredTensor checked(TensorInfo info, long first, long count) {
    StoredTensor tensor = stored.get(info.name());
    if (tensor == null || !tensor.info().equals(info)) {
      throw new IllegalArgumentException("tensor: " + info + " is not one of " + path);
    }
    long elements = info.elements();
    if (first < 0 || count < 0 || first > elements - count) {
      throw new IllegalArgumentException(
          "first, count: expected a range within the "
              + elements
              + " elements of '"
              + info.name()
              + "', got "
              + first
              + " + "
              + count);
    }
    return tensor;
  }
}
