package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.file;
import static io.github.sae4j.internal.tensors.HandMade.floats;
import static io.github.sae4j.internal.tensors.HandMade.npy;
import static io.github.sae4j.internal.tensors.HandMade.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class NpyFileTest {
  @TempDir Path folder;

  /** A file made by numpy; {@code make_npy.py} beside it says how. */
  static Path made(String name) throws URISyntaxException {
    return Path.of(NpyFileTest.class.getResource("/format/" + name).toURI());
  }

  private static String refusal(Path path) {
    BadFileException e = assertThrows(BadFileException.class, () -> NpyFile.open(path).close());
    assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    return e.getMessage();
  }

  private String refusal(byte[] content) throws IOException {
    return refusal(file(folder, "bad.npy", content));
  }

  static Stream<String> madeOfEveryType() {
    return Stream.of("f8", "f4", "f2", "i8", "i4", "u1", "b1")
        .flatMap(type -> Stream.of(type + "_C", type + "_F"))
        .flatMap(
            name ->
                name.charAt(1) == '1'
                    ? Stream.of(name)
                    : Stream.of(name + "_little", name + "_big"));
  }

  /** What {@code make_npy.py} put into the array of that name. */
  static void check(TensorFile file, String name) throws IOException {
    TensorInfo info = file.tensor(name);
    assertEquals(List.of(5L, 7L), info.shape());
    float[] expected = new float[35];
    for (int i = 0; i < 35; i++) {
      expected[i] =
          switch (name.substring(0, 2)) {
            case "u1" -> i * 7;
            case "b1" -> i % 3 == 0 ? 1 : 0;
            case "i4", "i8" -> i - 10;
            default -> i - 10.25f;
          };
    }
    assertArrayEquals(expected, read(file, name), name);
    for (int first = 0; first < 35; first++) {
      for (int count = 0; count <= 35 - first; count++) {
        assertArrayEquals(
            Arrays.copyOfRange(expected, first, first + count), read(file, name, first, count));
      }
    }
    if (name.charAt(0) != 'f') {
      long[] longs = file.readLongs(info, 3, 30);
      for (int i = 0; i < 30; i++) {
        assertEquals((long) expected[i + 3], longs[i]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("madeOfEveryType")
  void readsWhatNumpyWrote(String name) throws Exception {
    try (TensorFile t = NpyFile.open(made("npy/" + name + ".npy"))) {
      assertEquals(List.of(name), t.tensors().stream().map(TensorInfo::name).toList());
      check(t, name);
    }
  }

  @Test
  void readsOtherShapesAndVersions() throws Exception {
    try (TensorFile t = NpyFile.open(made("npy/scalar.npy"))) {
      assertEquals(List.of(), t.tensor("scalar").shape());
      assertArrayEquals(new float[] {2.5f}, read(t, "scalar"));
    }
    try (TensorFile t = NpyFile.open(made("npy/empty.npy"))) {
      assertEquals(List.of(0L, 5L), t.tensor("empty").shape());
      assertArrayEquals(new float[0], read(t, "empty"));
    }
    try (TensorFile t = NpyFile.open(made("npy/cube.npy"))) {
      assertEquals(List.of(2L, 3L, 4L), t.tensor("cube").shape());
      assertEquals(23, read(t, "cube")[23]);
    }
    try (TensorFile t = NpyFile.open(made("npy/cube_F.npy"))) {
      assertEquals(List.of(2L, 3L, 4L), t.tensor("cube_F").shape());
      float[] expected = new float[24];
      for (int i = 0; i < 24; i++) {
        expected[i] = i;
      }
      for (int first = 0; first < 24; first++) {
        for (int count = 0; count <= 24 - first; count++) {
          assertArrayEquals(
              Arrays.copyOfRange(expected, first, first + count), read(t, "cube_F", first, count));
        }
      }
    }
    for (String name : List.of("vector", "version2", "version3")) {
      try (TensorFile t = NpyFile.open(made("npy/" + name + ".npy"))) {
        float[] values = read(t, name);
        assertEquals(300, values.length);
        assertEquals(299 / 4f, values[299]);
      }
    }
    try (TensorFile t = NpyFile.open(made("npy/wide_F.npy"))) {
      float[] values = read(t, "wide_F", 1, 658);
      for (int i = 0; i < values.length; i++) {
        assertEquals(i + 1, values[i]);
      }
    }
    try (TensorFile t = NpyFile.open(made("npy/thin_F.npy"))) {
      assertArrayEquals(new float[] {5, 6, 7}, read(t, "thin_F", 5, 3));
    }
  }

  @ParameterizedTest
  @CsvSource({"f4,9001,37", "f2,9001,37", "f8,37,9001", "f2,3,40000"})
  void readsFortranOrderInTiles(String type, int rows, int cols) throws IOException {
    int size = type.charAt(1) - '0';
    ByteBuffer data = HandMade.little(rows * cols * size);
    for (int c = 0; c < cols; c++) {
      for (int r = 0; r < rows; r++) {
        float value = (r * 31 + c * 7) % 2039;
        switch (size) {
          case 2 -> data.putShort(Float.floatToFloat16(value));
          case 4 -> data.putFloat(value);
          default -> data.putDouble(value);
        }
      }
    }
    String header =
        "{'descr': '<%s', 'fortran_order': True, 'shape': (%d, %d), }".formatted(type, rows, cols);
    try (TensorFile t = NpyFile.open(file(folder, "f.npy", npy(header, data.array())))) {
      float[] all = read(t, "f");
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          assertEquals((r * 31 + c * 7) % 2039, all[r * cols + c]);
        }
      }
      int from = cols + cols / 2;
      assertArrayEquals(
          Arrays.copyOfRange(all, from, all.length - 3),
          read(t, "f", from, all.length - 3L - from));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"<V2", "|V2"})
  void bfloat16IsTwoBytesWithoutMeaningToNumpy(String descr) throws Exception {
    String dictionary = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }";
    byte[] bytes = HandMade.npy(dictionary, HandMade.shorts(0x3f80, 0xc020));
    Path file = HandMade.file(folder, "t.npy", bytes);
    try (TensorFile t = NpyFile.open(file)) {
      assertEquals(ElementType.BF16, t.tensor("t").type());
      assertArrayEquals(new float[] {1, -2.5f}, read(t, "t"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "text,'expected element type f8, f4, f2, V2, i8, i4, u1 or b1, got ''<U2'''",
    "complex,got '<c8'",
    "short,got '<i2'",
    "fields,'(''y'', ''<f4'')]'"
  })
  void refusesKindsItCannotRead(String name, String why) throws Exception {
    String message = refusal(made("npy/" + name + ".npy"));
    assertTrue(message.contains(why), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } | is cut short: expected 12",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } | bytes after the array:"
            + " expected 4",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), } | expected 16 bytes for F64 [2],"
            + " got 8",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), } | expected sizes between",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), } | expected"
            + " sizes between",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2), } | too large",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2), } | expected a tuple",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2], } | expected '('",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), } | expected fortran_order to be",
        "{'descr': '<f4', 'fortran_order': False, } | expected the keys descr",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), } | once each, got"
            + " 'descr'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1} | once each, got 'x'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x | nothing but spaces",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,) | expected '}'",
        "{'descr': '<f4, 'fortran_order': False | expected",
        "{'descr': [('x', '<f4'), 'fortran_order': False, 'shape': (2,), } | expected ']'",
        "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2,), } | without escapes",
        "{'descr': '=f4', 'fortran_order': False, 'shape': (2,), } | got '=f4'",
        "__import__('os') | expected '{'",
      })
  void refusesBadHeaders(String header, String why) throws IOException {
    String message = refusal(npy(header, floats(1, 2)));
    assertTrue(message.contains(why), message);
  }

  @Test
  void readsWhatOldPythonsWrote() throws IOException {
    byte[] content = npy("{'shape':(1L,2L),\"descr\":'<f4','fortran_order':False}", floats(1, 2));
    try (TensorFile t = NpyFile.open(file(folder, "old.npy", content))) {
      assertArrayEquals(new float[] {1, 2}, read(t, "old"));
    }
  }

  @Test
  void refusesBadPrefixes() throws IOException {
    byte[] good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", floats(1, 2));
    assertTrue(refusal(new byte[0]).contains("expected an npy array"));
    assertTrue(refusal(Arrays.copyOf(good, 9)).contains("expected an npy array"));
    assertTrue(refusal(Arrays.copyOf(good, 40)).contains("cut short within its npy header"));
    byte[] version = good.clone();
    version[6] = 4;
    assertTrue(refusal(version).contains("got 4.0"));
    byte[] length = good.clone();
    length[6] = 2;
    length[8] = length[9] = length[10] = length[11] = (byte) 0xff;
    assertTrue(refusal(length).contains("at most 65536 bytes, got 4294967295"));
    String deep = "{'shape': (" + "1,".repeat(65) + "), ";
    assertTrue(refusal(npy(deep)).contains("at most 64 dimensions"));
  }

  @Test
  void readsBeyondTwoToThe31Elements() throws IOException {
    long elements = (1L << 31) + 9;
    byte[] head =
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }".formatted(elements));
    Path path = folder.resolve("huge.npy");
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(head));
      channel.write(ByteBuffer.wrap(new byte[] {7, 8}), head.length + elements - 2);
    }
    try (TensorFile t = NpyFile.open(path)) {
      assertArrayEquals(new float[] {0, 7, 8}, read(t, "huge", elements - 3, 3));
      assertArrayEquals(new long[] {7, 8}, t.readLongs(t.tensor("huge"), elements - 2, 2));
    } finally {
      Files.delete(path);
    }
  }

  @Test
  void writesTheBytesOfNumpy() throws Exception {
    try (OffHeap memory = new OffHeap()) {
      Matrix matrix = memory.matrix(5, 7);
      for (int i = 0; i < 35; i++) {
        matrix.set(i / 7, i % 7, i - 10.25f);
      }
      Path path = folder.resolve("m.npy");
      NpyWriter.matrix(path, matrix);
      assertArrayEquals(Files.readAllBytes(made("npy/f4_C_little.npy")), Files.readAllBytes(path));
      Matrix vector = memory.vector(300);
      for (int i = 0; i < 300; i++) {
        vector.set(0, i, i / 4f);
      }
      NpyWriter.vector(path, vector);
      assertArrayEquals(Files.readAllBytes(made("npy/vector.npy")), Files.readAllBytes(path));
      assertThrows(IllegalArgumentException.class, () -> NpyWriter.vector(path, matrix));
    }
  }
}
