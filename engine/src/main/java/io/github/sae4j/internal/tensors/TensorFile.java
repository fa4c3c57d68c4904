package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import io.github.sae4j.format.TensorFormat;
import io.github.sae4j.internal.files.FileSource;
import io.github.sae4j.memory.ElementType;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An open file of named tensors: safetensors ({@link SafetensorsFile}), npy ({@link NpyFile}), npz
 * ({@link NpzFile}) or what torch.save writes ({@link TorchFile}). Reads are positional, into the
 * caller's memory, never through a mapping, so a file truncated by another process causes an
 * exception rather than a crash of the VM. Reading is thread-safe.
 */
public final class TensorFile implements Closeable {
  /** How many names a message lists. */
  private static final int LISTED = 20;

  private final Path path;
  private final Map<String, StoredTensor> stored = new LinkedHashMap<>();
  private final List<TensorInfo> infos;
  private final Map<String, UnreadableTensor> unreadable = new LinkedHashMap<>();
  private final Map<String, String> metadata;
  private final boolean named;
  private final Closeable source;

  /**
   * An open file; names have been checked to be distinct.
   *
   * @param path the file
   * @param tensors its tensors in the order of the file
   * @param unreadable tensors left out and why
   * @param metadata free text that the file carries
   * @param named whether the file names its tensors
   * @param source what the tensors are read from, closed with this
   */
  TensorFile(
      Path path,
      List<StoredTensor> tensors,
      List<UnreadableTensor> unreadable,
      Map<String, String> metadata,
      boolean named,
      Closeable source) {
    this.path = path;
    tensors.forEach(tensor -> stored.put(tensor.info().name(), tensor));
    this.infos = tensors.stream().map(StoredTensor::info).toList();
    unreadable.forEach(tensor -> this.unreadable.put(tensor.name(), tensor));
    this.metadata = metadata;
    this.named = named;
    this.source = source;
  }

  /**
   * Opens a file of any known format, recognised by its first bytes; if they fit none, the suffix
   * decides which reader reports the error.
   *
   * @param path a safetensors, npy, npz or torch file
   * @return the open file
   * @throws BadFileException if it is missing, of another format or malformed
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path) throws IOException {
    return open(path, false);
  }

  /**
   * Opens a file of any known format, as {@link #open(Path)} does.
   *
   * @param path a safetensors, npy, npz or torch file, or one of a {@link TensorFormats format} of
   *     another module
   * @param wordsAreBf16 whether unsigned 16-bit integers of npy, npz and safetensors are the bits
   *     of bfloat16, which numpy has no type for
   * @return the open file
   * @throws BadFileException if it is missing, of another format or malformed
   * @throws IOException if reading fails
   */
  public static TensorFile open(Path path, boolean wordsAreBf16) throws IOException {
    Optional<TensorFormat> other = TensorFormats.of(path);
    if (other.isPresent()) {
      return TensorFormats.open(path, other.get());
    }
    byte[] start;
    try (FileSource file = FileSource.open(path)) {
      if (file.size() == 0) {
        throw new BadFileException(
            path, "expected a safetensors, npy, npz or torch file, got an empty one");
      }
      start = new byte[(int) Math.min(9, file.size())];
      file.read(0, MemorySegment.ofArray(start));
    }
    String name = path.getFileName().toString();
    if (NpyHeader.isMagic(start) || name.endsWith(".npy")) {
      return NpyFile.open(path, wordsAreBf16);
    }
    boolean zip = start.length > 3 && start[0] == 'P' && start[1] == 'K' && start[2] < 8;
    zip = zip && start[3] == start[2] + 1;
    // A line of JSON before the archive (saev), or a pickle: TorchFile decides.
    boolean text = start[0] == '{' && (start.length < 9 || start[7] != 0);
    if (zip
        ? TorchFile.isArchive(path, isTorchName(name))
        : text || start[0] == (byte) 0x80 || isTorchName(name)) {
      return TorchFile.open(path).tensors();
    }
    if (zip || name.endsWith(".npz")) {
      return NpzFile.open(path, wordsAreBf16);
    }
    if (start.length == 9 && start[8] == '{' || name.endsWith(".safetensors")) {
      return SafetensorsFile.open(path, wordsAreBf16);
    }
    throw new BadFileException(
        path,
        "expected a safetensors, npy, npz or torch file, got something else"
            + TensorFormats.missing(path));
  }

  private static boolean isTorchName(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.endsWith(".pt") || lower.endsWith(".pth");
  }

  /** {@return the path of the file, as opened} */
  public Path path() {
    return path;
  }

  /**
   * The tensors in the order of the file.
   *
   * @return their descriptions
   */
  public List<TensorInfo> tensors() {
    return infos;
  }

  /**
   * Tensors that the file holds and this library cannot read, for instance of an element type it
   * does not know. They are left out of {@link #tensors()}.
   *
   * @return by name, in the order of the file; usually empty
   */
  public Map<String, UnreadableTensor> unreadable() {
    return Collections.unmodifiableMap(unreadable);
  }

  /**
   * Whether the file names its tensors. One that does not holds a single tensor, which is called
   * after the file: all npy files, and torch files of a bare tensor.
   *
   * @return true if names mean something
   */
  public boolean named() {
    return named;
  }

  /**
   * What reading a tensor's elements in any order keeps in memory until the file is closed.
   *
   * @param info one of {@link #tensors()}
   * @return bytes; 0 where they are read in place
   */
  public long held(TensorInfo info) {
    return checked(info, 0, 0).source().held();
  }

  /**
   * What all files together may keep in memory to read in any order.
   *
   * @return bytes
   */
  public static long mostHeld() {
    return HeldMemory.most();
  }

  /**
   * Free text that the file carries.
   *
   * @return keys and values; empty where the format has none
   */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Finds a tensor.
   *
   * @param name its name
   * @return its description
   * @throws BadFileException if the file has none of that name, or it cannot be read; the message
   *     lists the names that exist
   */
  public TensorInfo tensor(String name) throws BadFileException {
    Objects.requireNonNull(name, "name");
    StoredTensor tensor = stored.get(name);
    if (tensor != null) {
      return tensor.info();
    }
    UnreadableTensor other = unreadable.get(name);
    if (other != null) {
      throw new BadFileException(path, "cannot read tensor '" + name + "' " + other.description());
    }
    int all = stored.size() + unreadable.size();
    String names =
        all == 0
            ? "no tensors"
            : Stream.concat(
                        stored.keySet().stream(),
                        unreadable.keySet().stream().map(each -> each + " (not readable)"))
                    .limit(LISTED)
                    .collect(Collectors.joining(", "))
                + (all > LISTED ? ", ... (" + all + " in all)" : "");
    throw new BadFileException(path, "expected a tensor '" + name + "', the file has " + names);
  }

  /**
   * Reads consecutive elements in row-major (C) order, converted to {@code f32}. Integers and
   * doubles are rounded to nearest.
   *
   * @param info one of {@link #tensors()}
   * @param first first element in {@code [0, elements]}
   * @param count number of elements
   * @param target receives {@code count} native-order floats
   * @param targetByte byte position in {@code target} of the first
   * @throws BadFileException if the file ends early
   * @throws IOException if reading fails
   */
  public void readFloats(
      TensorInfo info, long first, long count, MemorySegment target, long targetByte)
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

  /**
   * Reads one element without rounding it to {@code f32}; for messages about it.
   *
   * @param info one of {@link #tensors()}
   * @param element its index in row-major order
   * @return the value; for an I64 the nearest double
   * @throws BadFileException if the file ends early
   * @throws IOException if reading fails
   */
  public double readDouble(TensorInfo info, long element) throws IOException {
    StoredTensor tensor = checked(info, element, 1);
    if (info.type() != ElementType.F64) {
      float[] value = new float[1];
      readFloats(info, element, 1, MemorySegment.ofArray(value), 0);
      return value[0];
    }
    byte[] bytes = new byte[Double.BYTES];
    tensor.source().read(tensor.position() + element * Double.BYTES, MemorySegment.ofArray(bytes));
    return ByteBuffer.wrap(bytes)
        .order(tensor.bigEndian() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN)
        .getDouble();
  }

  /**
   * Reads consecutive elements of an integer tensor (I64, I32, U8, BOOL) in row-major order.
   *
   * @param info one of {@link #tensors()}
   * @param first first element
   * @param count number of elements, at most an array's size
   * @return the values
   * @throws BadFileException if the tensor is not of an integer type or the file ends early
   * @throws IOException if reading fails
   */
  public long[] readLongs(TensorInfo info, long first, int count) throws IOException {
    StoredTensor tensor = checked(info, first, count);
    ElementType type = info.type();
    switch (type) {
      case I64, I32, U8, BOOL -> {}
      case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 ->
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

  /** Closes the file; reading from it afterwards is an error. */
  @Override
  public void close() throws IOException {
    source.close();
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
