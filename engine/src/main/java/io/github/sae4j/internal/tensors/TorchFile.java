package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.ByteSource;
import io.github.sae4j.internal.files.FileSource;
import io.github.sae4j.internal.files.ZipDirectory;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.internal.json.ParseBudget;
import io.github.sae4j.memory.ElementType;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Opens files that {@code torch.save} has written since PyTorch 1.6: a zip of {@code data.pkl} and
 * storages, with or without a line of JSON in front of it (saev). The pickle is read by an
 * interpreter that builds tensors, dictionaries, lists and plain values only: nothing is imported,
 * no code of the file runs, and objects of other classes become {@link Opaque}.
 *
 * <p>Tensors are named by the keys that lead to them, joined by dots ({@code encoder.weight}), and
 * read in row-major order whatever their strides are. A view that repeats elements of its storage
 * is listed as unreadable, as are element types that the library does not know. The older form
 * (torch before 1.6) and TorchScript archives are refused by name.
 */
public final class TorchFile implements Closeable {
  /** The member that describes the content of the file. */
  static final String PICKLE = "data.pkl";

  /** Far above the pickle of any SAE, which holds names and settings. */
  private static final int MAX_PICKLE = 8 << 20;

  private static final int MAX_HEADER = 1 << 20;
  private static final int MAX_DEPTH = 64;

  private static final byte[] LEGACY = {
    (byte) 0x8a,
    0x0a,
    0x6c,
    (byte) 0xfc,
    (byte) 0x9c,
    0x46,
    (byte) 0xf9,
    0x20,
    0x6a,
    (byte) 0xa8,
    0x50,
    0x19
  };

  private static final Map<String, ElementType> TYPES =
      Map.ofEntries(
          Map.entry("DoubleStorage", ElementType.F64),
          Map.entry("FloatStorage", ElementType.F32),
          Map.entry("HalfStorage", ElementType.F16),
          Map.entry("BFloat16Storage", ElementType.BF16),
          Map.entry("LongStorage", ElementType.I64),
          Map.entry("IntStorage", ElementType.I32),
          Map.entry("ByteStorage", ElementType.U8),
          Map.entry("BoolStorage", ElementType.BOOL),
          Map.entry("float64", ElementType.F64),
          Map.entry("float32", ElementType.F32),
          Map.entry("float16", ElementType.F16),
          Map.entry("bfloat16", ElementType.BF16),
          Map.entry("float8_e4m3fn", ElementType.F8_E4M3),
          Map.entry("float8_e5m2", ElementType.F8_E5M2),
          Map.entry("int64", ElementType.I64),
          Map.entry("int32", ElementType.I32),
          Map.entry("uint8", ElementType.U8),
          Map.entry("bool", ElementType.BOOL));

  /**
   * Something in the file that is neither a tensor nor a plain value.
   *
   * @param what what it is, for messages
   */
  public record Opaque(String what) {}

  private final TensorFile tensors;
  private final Object value;
  private final Optional<Map<String, Object>> header;

  private TorchFile(TensorFile tensors, Object value, Optional<Map<String, Object>> header) {
    this.tensors = tensors;
    this.value = value;
    this.header = header;
  }

  /**
   * Opens a file and checks everything in its pickle.
   *
   * @param path the file
   * @return the open file
   * @throws BadFileException if it is missing, of another form or malformed
   * @throws IOException if reading fails
   */
  public static TorchFile open(Path path) throws IOException {
    long size;
    Optional<Map<String, Object>> header;
    try (FileSource file = FileSource.open(path)) {
      size = file.size();
      // Java reads the whole directory into a table.
      new ParseBudget(path).spend(2 * ZipDirectory.size(file));
      byte[] start = new byte[(int) Math.min(512, size)];
      file.read(0, MemorySegment.ofArray(start));
      refuseOthers(path, start);
      header = start.length > 0 && start[0] == '{' ? Optional.of(header(file)) : Optional.empty();
    }
    try {
      ZipFile zip = new ZipFile(path.toFile());
      try {
        return new Archive(path, zip, size).read(header);
      } catch (Throwable e) {
        zip.close();
        throw e;
      }
    } catch (ZipException | EOFException e) {
      throw new BadFileException(
          path, "expected a zip archive of torch.save: " + e.getMessage(), e);
    }
  }

  /**
   * Whether a file is a zip archive of torch: its pickle is in a folder.
   *
   * @param damaged what to take a zip for that cannot be listed, whose reader says what is wrong
   */
  static boolean isArchive(Path path, boolean damaged) throws IOException {
    try (ZipFile zip = new ZipFile(path.toFile())) {
      return zip.stream().anyMatch(entry -> isPickle(entry.getName()));
    } catch (ZipException | EOFException e) {
      return damaged;
    }
  }

  private static boolean isPickle(String name) {
    return name.endsWith("/" + PICKLE) && name.indexOf('/') == name.length() - PICKLE.length() - 1;
  }

  private static void refuseOthers(Path path, byte[] start) throws BadFileException {
    String form = null;
    if (start.length > 1 && start[0] == (byte) 0x80) {
      boolean legacy = start.length >= 2 + LEGACY.length;
      for (int i = 0; legacy && i < LEGACY.length; i++) {
        legacy = start[2 + i] == LEGACY[i];
      }
      form = legacy ? "the form that torch wrote before 1.6" : "a plain pickle";
    } else if (start.length >= 262
        && new String(start, 257, 5, StandardCharsets.ISO_8859_1).equals("ustar")) {
      form = "the tar form of the first torch versions";
    }
    if (form != null) {
      throw new BadFileException(
          path,
          "expected a zip archive of torch.save, got "
              + form
              + "; load it in a newer torch and save it again, as safetensors or by torch.save");
    }
  }

  /** The line of JSON in front of the archive. */
  private static Map<String, Object> header(FileSource file) throws IOException {
    byte[] start = new byte[(int) Math.min(MAX_HEADER, file.size())];
    file.read(0, MemorySegment.ofArray(start));
    int length = 0;
    while (length < start.length && start[length] != '\n') {
      length++;
    }
    if (length == start.length) {
      throw new BadFileException(
          file.path(), "expected a line of JSON of at most " + MAX_HEADER + " bytes first");
    }
    // It begins with a brace, so if it parses it is an object.
    Map<?, ?> value = (Map<?, ?>) Json.parse(file.path(), Arrays.copyOf(start, length));
    Map<String, Object> members = new LinkedHashMap<>();
    value.forEach((key, member) -> members.put((String) key, member));
    return Collections.unmodifiableMap(members);
  }

  /**
   * The tensors, each named by the keys that lead to it.
   *
   * @return the open tensors, closed with this file
   */
  public TensorFile tensors() {
    return tensors;
  }

  /**
   * The content of the file: {@code Map<String, Object>} in the order of the file, {@code
   * List<Object>} for lists and tuples, {@code String}, {@code Long}, {@code Double}, {@code
   * Boolean}, {@code null}, {@link TensorInfo} for a tensor that can be read, {@link Opaque} for
   * anything else. Keys that are numbers are written as text.
   *
   * @return the value that was saved
   */
  public Object value() {
    return value;
  }

  /**
   * The JSON object in front of the archive.
   *
   * @return its members, if there is one
   */
  public Optional<Map<String, Object>> header() {
    return header;
  }

  /** Closes the file. */
  @Override
  public void close() throws IOException {
    tensors.close();
  }

  /** Reads the members of one archive. */
  private static final class Archive {
    private final Path path;
    private final ZipFile zip;
    private final long size;
    private final String root;
    private final boolean bigEndian;
    private final Map<String, NpzMember> members = new HashMap<>();
    private final List<StoredTensor> tensors = new ArrayList<>();
    private final List<UnreadableTensor> unreadable = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private final List<StridedSource> views = new ArrayList<>();
    private long nodes;
    private long characters;

    Archive(Path path, ZipFile zip, long size) throws IOException {
      this.path = path;
      this.zip = zip;
      this.size = size;
      root = root();
      if (zip.getEntry(root + "constants.pkl") != null) {
        throw new BadFileException(
            path, "expected an archive of torch.save, got a TorchScript program");
      }
      bigEndian = bigEndian();
    }

    private String root() throws BadFileException {
      Set<String> seen = new HashSet<>();
      String found = null;
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements()) {
        String name = entries.nextElement().getName();
        if (!seen.add(name)) {
          throw new BadFileException(path, "duplicate member '" + name + "'");
        }
        if (isPickle(name)) {
          if (found != null) {
            throw new BadFileException(path, "expected one " + PICKLE + ", found several");
          }
          found = name.substring(0, name.length() - PICKLE.length());
        }
      }
      if (found == null) {
        throw new BadFileException(
            path, "expected an archive of torch.save, found no " + PICKLE + " in it");
      }
      return found;
    }

    private boolean bigEndian() throws IOException {
      if (zip.getEntry(root + "byteorder") == null) {
        return false;
      }
      String order = new String(bytes("byteorder", 16), StandardCharsets.ISO_8859_1);
      return switch (order.strip()) {
        case "little" -> false;
        case "big" -> true;
        default ->
            throw new BadFileException(
                path, "byteorder: expected little or big, got '" + order + "'");
      };
    }

    private NpzMember member(String name) throws BadFileException {
      NpzMember known = members.get(name);
      if (known != null) {
        return known;
      }
      ZipEntry entry = zip.getEntry(root + name);
      if (entry == null || entry.isDirectory()) {
        throw new BadFileException(path, "expected a member '" + root + name + "', found none");
      }
      if (entry.getMethod() != ZipEntry.STORED) {
        throw new BadFileException(
            path, "member '" + root + name + "': expected it stored, as torch.save does");
      }
      NpzMember member = new NpzMember(path, zip, entry, size);
      members.put(name, member);
      return member;
    }

    private byte[] bytes(String name, int most) throws IOException {
      NpzMember member = member(name);
      long length = member.size();
      if (length > most) {
        throw new BadFileException(
            path,
            "member '" + root + name + "': expected at most " + most + " bytes, got " + length);
      }
      byte[] bytes = new byte[(int) length];
      member.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }

    TorchFile read(Optional<Map<String, Object>> header) throws IOException {
      byte[] pickle = bytes(PICKLE, MAX_PICKLE);
      Object made = Pickle.read(path, PICKLE + ": ", pickle, new TorchObjects(path));
      // Without sharing, every value takes at least a byte, and names are as long as their keys.
      nodes = pickle.length;
      characters = 1024 + 16L * pickle.length;
      String name = path.getFileName().toString();
      boolean bare = made instanceof TorchObjects.Tensor;
      Object value = convert(made, bare ? name : "", 0);
      TensorFile file = new TensorFile(path, tensors, unreadable, Map.of(), !bare, this::closeAll);
      return new TorchFile(file, value, header);
    }

    private void closeAll() throws IOException {
      views.forEach(StridedSource::close);
      zip.close();
    }

    /** The public form of a value. */
    private Object convert(Object made, String name, int depth) throws IOException {
      if (--nodes < 0) {
        throw bad("expected values that are not shared over and over");
      }
      if (depth > MAX_DEPTH) {
        throw bad("expected at most " + MAX_DEPTH + " levels of values");
      }
      return switch (made) {
        case null -> null;
        case Map<?, ?> map -> {
          Map<String, Object> copy = new LinkedHashMap<>();
          for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (entry.getKey() instanceof Pickle.Opaque) {
              continue;
            }
            String key = String.valueOf(entry.getKey());
            if (copy.containsKey(key)) {
              throw bad("duplicate key '" + key + "'");
            }
            copy.put(key, convert(entry.getValue(), inner(name, key), depth + 1));
          }
          yield Collections.unmodifiableMap(copy);
        }
        case List<?> list -> convertAll(list.toArray(), name, depth);
        case Object[] tuple -> convertAll(tuple, name, depth);
        case TorchObjects.Tensor tensor -> tensor(tensor, name);
        case TorchObjects.Storage storage -> new Opaque(storage.type());
        case Pickle.Opaque opaque -> new Opaque(opaque.what());
        case Pickle.Global global -> new Opaque(global.toString());
        default -> made;
      };
    }

    private List<Object> convertAll(Object[] items, String name, int depth) throws IOException {
      List<Object> copy = new ArrayList<>();
      for (int i = 0; i < items.length; i++) {
        copy.add(convert(items[i], inner(name, Integer.toString(i)), depth + 1));
      }
      return Collections.unmodifiableList(copy);
    }

    private String inner(String name, String key) throws BadFileException {
      characters -= name.length() + key.length() + 1L;
      if (characters < 0) {
        throw bad("expected shorter keys");
      }
      return name.isEmpty() ? key : name + "." + key;
    }

    private Object tensor(TorchObjects.Tensor tensor, String name) throws IOException {
      if (!names.add(name)) {
        throw bad("duplicate tensor '" + name + "'");
      }
      ElementType type = TYPES.get(tensor.storage().type());
      String obstacle =
          type == null ? "an element type that is not read" : obstacle(tensor, name, type);
      if (obstacle != null) {
        unreadable.add(
            new UnreadableTensor(name, tensor.storage().type(), tensor.shape(), obstacle));
        return new Opaque("tensor of " + obstacle);
      }
      StoredTensor stored = stored(tensor, name, type);
      tensors.add(stored);
      return stored.info();
    }

    /** Checks that a tensor lies within its storage. */
    private String obstacle(TorchObjects.Tensor tensor, String name, ElementType type)
        throws IOException {
      long elements = 1;
      long last = tensor.offset();
      boolean empty = tensor.shape().contains(0L);
      try {
        for (int i = 0; !empty && i < tensor.shape().size(); i++) {
          elements = Math.multiplyExact(elements, tensor.shape().get(i));
          long reach = Math.multiplyExact(tensor.shape().get(i) - 1, tensor.strides().get(i));
          last = Math.addExact(last, reach);
        }
      } catch (ArithmeticException e) {
        throw new BadFileException(
            path, PICKLE + ": tensor '" + name + "': " + tensor.shape() + " is too large", e);
      }
      long available = tensor.storage().elements();
      if (empty) {
        return null;
      }
      long bytes = member("data/" + tensor.storage().key()).size();
      if (available > Long.MAX_VALUE / type.bytes() || bytes != available * type.bytes()) {
        throw new BadFileException(
            path,
            "tensor '%s': expected a storage of %d elements of %s, got %d bytes"
                .formatted(name, available, type, bytes));
      }
      if (last >= available) {
        throw new BadFileException(
            path,
            "tensor '%s': %s with strides %s from %d on reaches beyond its storage of %d elements"
                .formatted(name, tensor.shape(), tensor.strides(), tensor.offset(), available));
      }
      return elements > available ? "a view that repeats its elements" : null;
    }

    private StoredTensor stored(TorchObjects.Tensor tensor, String name, ElementType type)
        throws BadFileException {
      TensorInfo info;
      try {
        info = new TensorInfo(name, type, tensor.shape());
      } catch (IllegalArgumentException e) {
        throw new BadFileException(path, PICKLE + ": " + e.getMessage(), e);
      }
      if (info.elements() == 0) {
        return new StoredTensor(info, (_, _) -> {}, 0, bigEndian);
      }
      ByteSource source = member("data/" + tensor.storage().key());
      long start = tensor.offset() * type.bytes();
      // The stride of a dimension of size 1 is irrelevant.
      List<Long> shape = new ArrayList<>();
      List<Long> strides = new ArrayList<>();
      for (int i = 0; i < tensor.shape().size(); i++) {
        if (tensor.shape().get(i) != 1) {
          shape.add(tensor.shape().get(i));
          strides.add(tensor.strides().get(i));
        }
      }
      long expected = 1;
      boolean contiguous = true;
      long span = type.bytes();
      for (int i = shape.size() - 1; i >= 0; i--) {
        contiguous &= strides.get(i) == expected;
        expected *= shape.get(i);
        span += (shape.get(i) - 1) * strides.get(i) * type.bytes();
      }
      if (contiguous) {
        return new StoredTensor(info, source, start, bigEndian);
      }
      if (isColumnMajor(shape, strides)) {
        long[] sizes = shape.stream().mapToLong(Long::longValue).toArray();
        ByteSource rows = new FortranSource(source, start, sizes, type.bytes());
        return new StoredTensor(info, rows, 0, bigEndian);
      }
      StridedSource view =
          new StridedSource(path, source, start, span, shape, strides, type.bytes());
      views.add(view);
      return new StoredTensor(info, view, 0, bigEndian);
    }

    private static boolean isColumnMajor(List<Long> shape, List<Long> strides) {
      long expected = 1;
      for (int i = 0; i < shape.size(); i++) {
        if (strides.get(i) != expected) {
          return false;
        }
        expected *= shape.get(i);
      }
      return true;
    }

    private BadFileException bad(String problem) {
      return new BadFileException(path, PICKLE + ": " + problem);
    }
  }
}
