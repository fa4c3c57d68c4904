package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.floats;
import static io.github.sae4j.internal.tensors.HandMade.npy;
import static io.github.sae4j.internal.tensors.HandMade.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NpzFileTest {
  private static final String TWO = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

  @TempDir Path folder;

  static byte[] zip(int method, Object... namesAndContents) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (int i = 0; i < namesAndContents.length; i += 2) {
        byte[] content = (byte[]) namesAndContents[i + 1];
        ZipEntry entry = new ZipEntry((String) namesAndContents[i]);
        entry.setMethod(method);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        entry.setSize(content.length);
        zip.putNextEntry(entry);
        zip.write(content);
      }
    }
    return bytes.toByteArray();
  }

  private Path file(byte[] content) throws IOException {
    return HandMade.file(folder, "t.npz", content);
  }

  private static String refusal(Path path) {
    BadFileException e =
        assertThrows(
            BadFileException.class,
            () -> {
              try (TensorFile t = NpzFile.open(path)) {
                for (TensorInfo info : t.tensors()) {
                  read(t, info.name());
                }
              }
            });
    assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    return e.getMessage();
  }

  /** Changes a little-endian field of the central directory's first entry. */
  private static byte[] edit(byte[] zip, int field, int value) {
    ByteBuffer bytes = ByteBuffer.wrap(zip.clone()).order(ByteOrder.LITTLE_ENDIAN);
    int directory = bytes.getInt(zip.length - 22 + 16);
    bytes.putInt(directory + field, value);
    return bytes.array();
  }

  @ParameterizedTest
  @ValueSource(strings = {"stored.npz", "deflated.npz"})
  void readsWhatNumpyWrote(String name) throws Exception {
    try (TensorFile t = NpzFile.open(NpyFileTest.made(name))) {
      for (String array : NpyFileTest.madeOfEveryType().toList()) {
        NpyFileTest.check(t, array);
      }
      assertEquals(List.of(), t.tensor("scalar").shape());
      assertArrayEquals(new float[] {2.5f}, read(t, "scalar"));
      assertArrayEquals(new float[0], read(t, "empty"));
      assertEquals(659, read(t, "wide_F")[659]);
      assertEquals(Set.of("text", "complex", "short", "fields"), t.unreadable().keySet());
      String message = assertThrows(BadFileException.class, () -> t.tensor("text")).getMessage();
      assertTrue(message.contains("got '<U2'"), message);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {ZipEntry.STORED, ZipEntry.DEFLATED})
  void readsLongMembers(int method) throws IOException {
    int n = 200_000;
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = i % 1000;
    }
    String header = "{'descr': '<f4', 'fortran_order': False, 'shape': (200000,), }";
    Path path = file(zip(method, "a.npy", npy(header, floats(values)), "b.txt", new byte[5]));
    try (TensorFile t = NpzFile.open(path)) {
      assertArrayEquals(new float[] {999, 0, 1}, read(t, "a", 99_999, 3));
      assertArrayEquals(values, read(t, "a"));
      assertEquals(Set.of("b.txt"), t.unreadable().keySet());
    }
  }

  @Test
  void namesAreNeverPaths() throws IOException {
    byte[] array = npy(TWO, floats(1, 2));
    byte[] content =
        zip(ZipEntry.STORED, "../../escape.npy", array, "/etc/x.npy", array, "d/", new byte[0]);
    try (TensorFile t = NpzFile.open(file(content))) {
      assertArrayEquals(new float[] {1, 2}, read(t, "../../escape"));
      assertArrayEquals(new float[] {1, 2}, read(t, "/etc/x"));
      assertEquals(Set.of("d/"), t.unreadable().keySet());
    }
    try (var files = Files.list(folder)) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void refusesDuplicateNames() throws IOException {
    byte[] array = npy(TWO, floats(1, 2));
    byte[] content = zip(ZipEntry.STORED, "a.npy", array, "b.npy", array);
    for (int i = 0; i < content.length - 4; i++) {
      if (content[i] == 'b' && content[i + 1] == '.') {
        content[i] = 'a';
      }
    }
    assertTrue(refusal(file(content)).contains("duplicate member 'a'"));
  }

  @Test
  void refusesSizesThatCannotBe() throws IOException {
    byte[] array = npy(TWO, floats(1, 2));
    // A bomb: 2 GB declared for a few bytes.
    byte[] deflated = zip(ZipEntry.DEFLATED, "a.npy", array);
    assertTrue(refusal(file(edit(deflated, 24, 0x7fffffff))).contains("plausible sizes"));
    byte[] stored = zip(ZipEntry.STORED, "a.npy", array);
    assertTrue(refusal(file(edit(stored, 24, array.length + 1))).contains("plausible sizes"));
    // The same with a compressed size that would make it possible.
    assertTrue(
        refusal(file(edit(edit(deflated, 24, 0x7fffffff), 20, 0x0fffffff)))
            .contains("plausible sizes"));
    // Sizes that could be, but are not those of the array.
    assertTrue(
        refusal(file(edit(deflated, 24, array.length + 1))).contains("bytes after the array"));
    String three = TWO.replace("2,", "3,");
    assertTrue(
        refusal(file(zip(ZipEntry.DEFLATED, "a.npy", npy(three, floats(1, 2)))))
            .contains("is cut short: expected 12 bytes"));
  }

  @Test
  void refusesDamage() throws IOException {
    byte[] noise = new byte[4000];
    new Random(1).nextBytes(noise);
    String header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4000,), }";
    byte[] content = zip(ZipEntry.DEFLATED, "a.npy", npy(header, noise));
    byte[] flipped = content.clone();
    flipped[2000] ^= 1;
    String message = refusal(file(flipped));
    assertTrue(message.contains("CRC") || message.contains("damaged"), message);
    assertTrue(refusal(file(Arrays.copyOf(content, 2000))).contains("expected a zip file"));
    assertTrue(refusal(file(new byte[0])).contains("expected a zip file"));
    assertTrue(refusal(file(new byte[100])).contains("expected a zip file"));
    assertTrue(refusal(folder).contains("got a folder"));
    assertTrue(refusal(folder.resolve("none")).contains("no such file"));
    byte[] text = zip(ZipEntry.DEFLATED, "a.npy", "not npy".getBytes());
    assertTrue(refusal(file(text)).contains("member 'a.npy': expected an npy array"));
  }

  @Test
  void aClosedFileSaysSo() throws IOException {
    for (int method : new int[] {ZipEntry.STORED, ZipEntry.DEFLATED}) {
      TensorFile t = NpzFile.open(file(zip(method, "a.npy", npy(TWO, floats(1, 2)))));
      read(t, "a");
      t.close();
      t.close();
      assertThrows(IllegalStateException.class, () -> read(t, "a"));
    }
  }
}
