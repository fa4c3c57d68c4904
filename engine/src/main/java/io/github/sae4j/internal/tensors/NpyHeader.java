package io.github.sae4j.internal.tensors;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.ByteSource;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The header of an npy array, format versions 1.0 to 3.0: a Python dictionary literal with exactly
 * the keys {@code descr}, {@code fortran_order} and {@code shape}. The literal is parsed by hand
 * and never evaluated; anything numpy itself would not write is refused.
 *
 * @param descr element type as numpy writes it, for instance {@code <f4}
 * @param fortranOrder whether the first index runs fastest
 * @param shape sizes, each at least 0
 * @param dataOffset first byte after the header
 */
record NpyHeader(String descr, boolean fortranOrder, List<Long> shape, int dataOffset) {
  /** Real headers have 128 bytes; numpy's own limit is 10000. */
  static final int MAX_LENGTH = 1 << 16;

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** The name of an array in a file or member of this name. */
  static String withoutSuffix(String name) {
    return name.endsWith(".npy") ? name.substring(0, name.length() - 4) : name;
  }

  static boolean isMagic(byte[] start) {
    return start.length >= MAGIC.length
        && Arrays.equals(MAGIC, 0, MAGIC.length, start, 0, MAGIC.length);
  }

  /**
   * Reads a header.
   *
   * @param path the file, for messages
   * @param what the array within the file, for messages; empty if the file is the array
   * @param source the bytes of the array from its magic string on
   * @param size their number
   * @return the header; whether the elements fit is not checked
   */
  static NpyHeader read(Path path, String what, ByteSource source, long size) throws IOException {
    byte[] start = bytes(source, 0, (int) Math.min(12, size));
    if (!isMagic(start) || size < 10) {
      throw new BadFileException(path, what + "expected an npy array, got something else");
    }
    int major = start[6];
    int prefix = major == 1 ? 10 : 12;
    if (major < 1 || major > 3 || start[7] != 0) {
      throw new BadFileException(
          path,
          what
              + "expected npy format 1.0, 2.0 or 3.0, got "
              + (start[6] & 0xff)
              + "."
              + (start[7] & 0xff));
    }
    long length = 0;
    for (int i = Math.min(prefix, start.length) - 1; i >= 8; i--) {
      length = length << 8 | start[i] & 0xff;
    }
    if (length > MAX_LENGTH) {
      throw new BadFileException(
          path, what + "expected an npy header of at most " + MAX_LENGTH + " bytes, got " + length);
    }
    if (prefix + length > size) {
      throw new BadFileException(path, what + "is cut short within its npy header");
    }
    // Field names, the only place for other characters, are refused below.
    String text = new String(bytes(source, prefix, (int) length), StandardCharsets.ISO_8859_1);
    return new NpyHeaderParser(path, what, text, prefix + (int) length).header();
  }

  private static byte[] bytes(ByteSource source, long position, int length) throws IOException {
    byte[] bytes = new byte[length];
    source.read(position, MemorySegment.ofArray(bytes));
    return bytes;
  }

  /**
   * The element type.
   *
   * @param wordsAreBf16 whether unsigned 16-bit integers are the bits of bfloat16
   * @return the type, or null if it is not one that the library reads
   */
  ElementType type(boolean wordsAreBf16) {
    if (descr.length() != 3 || "<>|=".indexOf(descr.charAt(0)) < 0) {
      return null;
    }
    ElementType type =
        switch (descr.substring(1)) {
          case "f8" -> ElementType.F64;
          case "f4" -> ElementType.F32;
          case "f2" -> ElementType.F16;
          // What ml_dtypes' bfloat16 is written as: two bytes without meaning for numpy itself.
          case "V2" -> descr.charAt(0) == '>' ? null : ElementType.BF16;
          case "u2" -> wordsAreBf16 ? ElementType.BF16 : null;
          case "i8" -> ElementType.I64;
          case "i4" -> ElementType.I32;
          case "u1" -> ElementType.U8;
          case "b1" -> ElementType.BOOL;
          default -> null;
        };
    // '|' says that order does not matter, '=' is never written to a file.
    boolean ordered = type != null && type.bytes() > 1 && descr.charAt(1) != 'V';
    return ordered && "<>".indexOf(descr.charAt(0)) < 0 ? null : type;
  }

  boolean bigEndian() {
    return descr.charAt(0) == '>';
  }

  /** Why an otherwise sound array cannot be read; null if it can. */
  String obstacle(boolean wordsAreBf16) {
    if (type(wordsAreBf16) == null) {
      return "expected element type f8, f4, f2, V2, i8, i4, u1 or b1, got '"
          + descr()
          + "'"
          + (descr().endsWith("u2") ? " (if these are bits of bfloat16: --dtype bf16)" : "");
    }
    return null;
  }

  /**
   * The tensor of an array without {@linkplain #obstacle obstacle}, checked against its size.
   *
   * @param path the file, for messages
   * @param what the array within the file, for messages; empty if the file is the array
   * @param name name for the tensor
   * @param source its bytes, magic string first
   * @param size their number
   * @param wordsAreBf16 whether unsigned 16-bit integers are the bits of bfloat16
   * @return the tensor
   * @throws BadFileException if the sizes do not agree
   */
  StoredTensor tensor(
      Path path, String what, String name, ByteSource source, long size, boolean wordsAreBf16)
      throws IOException {
    ElementType type = type(wordsAreBf16);
    TensorInfo info;
    try {
      info = new TensorInfo(name, type, shape());
    } catch (IllegalArgumentException e) {
      throw new BadFileException(path, what + e.getMessage(), e);
    }
    long present = size - dataOffset();
    if (present != info.bytes()) {
      throw new BadFileException(
          path,
          what
              + (present < info.bytes() ? "is cut short: " : "has bytes after the array: ")
              + "expected "
              + info.bytes()
              + " bytes for "
              + type
              + " "
              + info.shape()
              + ", got "
              + present);
    }
    long[] wide = shape().stream().mapToLong(Long::longValue).filter(s -> s != 1).toArray();
    if (fortranOrder() && wide.length > 1 && info.elements() > 0) {
      ByteSource rows = new FortranSource(source, dataOffset(), wide, type.bytes());
      return new StoredTensor(info, rows, 0, bigEndian());
    }
    return new StoredTensor(info, source, dataOffset(), bigEndian());
  }
}
