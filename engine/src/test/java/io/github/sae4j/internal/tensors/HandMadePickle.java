package io.github.sae4j.internal.tensors;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Pickles written instruction by instruction, and the archives that torch.save puts them in. */
public final class HandMadePickle {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Begins with the instruction for protocol 2. */
  public HandMadePickle() {
    op(0x80, 2);
  }

  public HandMadePickle op(int... codes) {
    for (int code : codes) {
      bytes.write(code);
    }
    return this;
  }

  /** Instructions of one letter each. */
  public HandMadePickle ops(String codes) {
    bytes.writeBytes(codes.getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  public HandMadePickle text(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    op('X');
    bytes.writeBytes(HandMade.ints(utf8.length));
    bytes.writeBytes(utf8);
    return this;
  }

  /** LONG1 of eight bytes. */
  public HandMadePickle number(long value) {
    op(0x8a, 8);
    bytes.writeBytes(HandMade.longs(value));
    return this;
  }

  public HandMadePickle global(String module, String name) {
    return ops("c" + module + "\n" + name + "\n");
  }

  public HandMadePickle tuple(long... values) {
    op('(');
    for (long value : values) {
      number(value);
    }
    return op('t');
  }

  /** The reference to a storage: {@code type} as torch names the class. */
  public HandMadePickle storage(String type, String key, long elements) {
    return op('(')
        .text("storage")
        .global("torch", type)
        .text(key)
        .text("cpu")
        .number(elements)
        .ops("tQ");
  }

  /** A tensor by {@code _rebuild_tensor_v2}. */
  public HandMadePickle tensor(
      String type, String key, long elements, long offset, long[] shape, long[] strides) {
    return global("torch._utils", "_rebuild_tensor_v2")
        .op('(')
        .storage(type, key, elements)
        .number(offset)
        .tuple(shape)
        .tuple(strides)
        .op(0x89)
        .global("collections", "OrderedDict")
        .ops(")RtR");
  }

  public byte[] end() {
    return op('.').bytes.toByteArray();
  }

  /** A dictionary of one tensor named {@code w}. */
  public static byte[] one(String type, long elements, long offset, long[] shape, long[] strides) {
    return new HandMadePickle()
        .op('}')
        .text("w")
        .tensor(type, "0", elements, offset, shape, strides)
        .op('s')
        .end();
  }

  /** An archive of a pickle and storages {@code data/0}, {@code data/1} and so on. */
  public static byte[] archive(byte[] pickle, byte[]... storages) {
    return archive("little", pickle, storages);
  }

  public static byte[] archive(String byteOrder, byte[] pickle, byte[]... storages) {
    Object[] members = new Object[4 + 2 * storages.length];
    members[0] = "some/data.pkl";
    members[1] = pickle;
    members[2] = "some/byteorder";
    members[3] = byteOrder.getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < storages.length; i++) {
      members[4 + 2 * i] = "some/data/" + i;
      members[5 + 2 * i] = storages[i];
    }
    return zip(members);
  }

  /** A zip of stored members: names and contents in turn. */
  public static byte[] zip(Object... members) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (int i = 0; i < members.length; i += 2) {
        byte[] content = (byte[]) members[i + 1];
        ZipEntry entry = new ZipEntry((String) members[i]);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  public static Path file(Path folder, byte[] content) throws IOException {
    return Files.write(folder.resolve("some.pt"), content);
  }
}
