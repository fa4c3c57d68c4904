package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.doubles;
import static io.github.sae4j.internal.tensors.HandMade.file;
import static io.github.sae4j.internal.tensors.HandMade.floats;
import static io.github.sae4j.internal.tensors.HandMade.ints;
import static io.github.sae4j.internal.tensors.HandMade.longs;
import static io.github.sae4j.internal.tensors.HandMade.read;
import static io.github.sae4j.internal.tensors.HandMade.safetensors;
import static io.github.sae4j.internal.tensors.HandMade.shorts;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {
  @TempDir Path folder;

  private TensorFile open(String header, byte... data) throws IOException {
    return SafetensorsFile.open(file(folder, "t.safetensors", safetensors(header, data)));
  }

  private String refusal(String header, byte... data) throws IOException {
    Path path = file(folder, "bad.safetensors", safetensors(header, data));
    return refusal(path);
  }

  private static String refusal(Path path) {
    BadFileException e =
        assertThrows(BadFileException.class, () -> SafetensorsFile.open(path).close());
    assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    return e.getMessage();
  }

  private static String header(String dtype, String shape, long bytes) {
    return "{\"t\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%d]}}"
        .formatted(dtype, shape, bytes);
  }

  @Test
  void readsFloat16Edges() throws IOException {
    int[] bits = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00};
    try (TensorFile t = open(header("F16", "[10]", 20), shorts(bits))) {
      assertArrayEquals(
          new float[] {
            0f,
            -0f,
            0x1p-24f,
            1023 * 0x1p-24f,
            0x1p-14f,
            1,
            -2,
            65504,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY
          },
          read(t, "t"));
    }
    try (TensorFile t = open(header("F16", "[2]", 4), shorts(0x7e00, 0xfc01))) {
      assertArrayEquals(new float[] {Float.NaN, Float.NaN}, read(t, "t"));
    }
  }

  @Test
  void readsBfloat16Edges() throws IOException {
    int[] bits = {0x0000, 0x8000, 0x0001, 0x0080, 0x3f80, 0xc040, 0x7f7f, 0x7f80, 0xff80, 0x7fc0};
    try (TensorFile t = open(header("BF16", "[10]", 20), shorts(bits))) {
      assertArrayEquals(
          new float[] {
            0f,
            -0f,
            0x1p-133f,
            Float.MIN_NORMAL,
            1,
            -3,
            0x1.fep127f,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            Float.NaN
          },
          read(t, "t"));
    }
  }

  @Test
  void readsFloat32Bits() throws IOException {
    int[] bits = {0, 0x80000000, 1, 0x7f7fffff, 0x7f800000, 0x7fc00001, 0x3f800000};
    try (TensorFile t = open(header("F32", "[7]", 28), ints(bits))) {
      float[] values = read(t, "t");
      for (int i = 0; i < bits.length; i++) {
        assertEquals(bits[i], Float.floatToRawIntBits(values[i]));
      }
    }
  }

  @Test
  void roundsWiderTypesToNearest() throws IOException {
    double tie = 1 + 0x1p-24;
    try (TensorFile t =
        open(header("F64", "[4]", 32), doubles(tie, Math.nextUp(tie), 1e300, -0.0))) {
      assertArrayEquals(
          new float[] {1, Math.nextUp(1f), Float.POSITIVE_INFINITY, -0f}, read(t, "t"));
    }
    try (TensorFile t = open(header("I64", "[2]", 16), longs((1L << 24) + 1, Long.MIN_VALUE))) {
      assertArrayEquals(new float[] {1 << 24, -0x1p63f}, read(t, "t"));
      assertArrayEquals(
          new long[] {(1L << 24) + 1, Long.MIN_VALUE}, t.readLongs(t.tensor("t"), 0, 2));
    }
    try (TensorFile t = open(header("I32", "[2]", 8), ints(-7, Integer.MIN_VALUE))) {
      assertArrayEquals(new float[] {-7, -0x1p31f}, read(t, "t"));
      assertArrayEquals(new long[] {Integer.MIN_VALUE}, t.readLongs(t.tensor("t"), 1, 1));
    }
    try (TensorFile t = open(header("U8", "[3]", 3), (byte) 0, (byte) 127, (byte) 255)) {
      assertArrayEquals(new float[] {0, 127, 255}, read(t, "t"));
      assertArrayEquals(new long[] {0, 127, 255}, t.readLongs(t.tensor("t"), 0, 3));
    }
    try (TensorFile t = open(header("BOOL", "[3]", 3), (byte) 0, (byte) 1, (byte) 1)) {
      assertArrayEquals(new float[] {0, 1, 1}, read(t, "t"));
      assertArrayEquals(new long[] {0, 1, 1}, t.readLongs(t.tensor("t"), 0, 3));
    }
  }

  @Test
  void readsScalarsEmptyTensorsAndMetadata() throws IOException {
    String header =
        """
        {"__metadata__":{"format":"pt","\\u00e9":"\\ud83d\\ude00"},
         "scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},
         "empty":{"dtype":"F32","shape":[0,5],"data_offsets":[4,4]},
         "last":{"shape":[1],"data_offsets":[4,8],"dtype":"F32","extra":[{}]}}\
        """;
    try (TensorFile t = open(header, floats(2.5f, -1))) {
      assertEquals(Map.of("format", "pt", "é", "\ud83d\ude00"), t.metadata());
      assertEquals(
          List.of("scalar", "empty", "last"), t.tensors().stream().map(TensorInfo::name).toList());
      assertEquals(new TensorInfo("scalar", ElementType.F32, List.of()), t.tensor("scalar"));
      assertEquals(List.of(0L, 5L), t.tensor("empty").shape());
      assertArrayEquals(new float[] {2.5f}, read(t, "scalar"));
      assertArrayEquals(new float[] {}, read(t, "empty"));
      assertArrayEquals(new float[] {-1}, read(t, "last"));
    }
    try (TensorFile t = open("{}   ")) {
      assertEquals(List.of(), t.tensors());
    }
  }

  @Test
  void readsAnyRangeAcrossChunks() throws IOException {
    int n = 100_003;
    ByteBuffer data = HandMade.little(2 * n);
    for (int i = 0; i < n; i++) {
      data.putShort((short) (Float.floatToRawIntBits(i) >>> 16));
    }
    try (TensorFile t = open(header("BF16", "[" + n + "]", 2L * n), data.array())) {
      float[] all = read(t, "t");
      for (int i = 0; i < n; i++) {
        assertEquals(Float.intBitsToFloat(Float.floatToRawIntBits(i) & 0xffff0000), all[i]);
      }
      assertArrayEquals(Arrays.copyOfRange(all, 32_767, 99_999), read(t, "t", 32_767, 67_232));
      // Into the heap as well, away from its start.
      float[] heap = new float[12];
      t.readFloats(t.tensor("t"), 5, 10, MemorySegment.ofArray(heap), 8);
      assertArrayEquals(Arrays.copyOfRange(all, 5, 15), Arrays.copyOfRange(heap, 2, 12));
    }
  }

  @Test
  void refusesRangesOutsideATensor() throws IOException {
    try (TensorFile t = open(header("F32", "[2]", 8), floats(1, 2))) {
      TensorInfo info = t.tensor("t");
      MemorySegment target = MemorySegment.ofArray(new float[2]);
      assertThrows(IllegalArgumentException.class, () -> t.readFloats(info, 1, 2, target, 0));
      assertThrows(IllegalArgumentException.class, () -> t.readFloats(info, -1, 1, target, 0));
      assertThrows(
          IllegalArgumentException.class, () -> t.readFloats(info, Long.MAX_VALUE, 1, target, 0));
      assertThrows(IllegalArgumentException.class, () -> t.readFloats(info, 0, 2, target, 4));
      assertThrows(
          IllegalArgumentException.class,
          () -> t.readFloats(new TensorInfo("t", ElementType.F64, List.of(2L)), 0, 2, target, 0));
      String message = assertThrows(BadFileException.class, () -> t.tensor("W_enc")).getMessage();
      assertTrue(message.endsWith("expected a tensor 'W_enc', the file has t"), message);
      message = assertThrows(BadFileException.class, () -> t.readLongs(info, 0, 1)).getMessage();
      assertTrue(message.contains("expected integers (I64, I32, U8, BOOL), got F32"), message);
    }
  }

  @Test
  void readsBytesThatAreFloats() throws IOException {
    String header =
        """
        {"a":{"dtype":"F8_E4M3","shape":[256],"data_offsets":[0,256]},
         "b":{"dtype":"F8_E5M2","shape":[256],"data_offsets":[256,512]}}\
        """;
    byte[] all = new byte[512];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) i;
    }
    try (TensorFile t = open(header, all)) {
      float[] e4m3 = read(t, "a");
      float[] e5m2 = read(t, "b");
      // Open Compute Project, "8-bit floating point specification", table 1.
      assertEquals(Math.scalb(1f, -9), e4m3[0x01], "least subnormal");
      assertEquals(0.875f * Math.scalb(1f, -6), e4m3[0x07], "largest subnormal");
      assertEquals(Math.scalb(1f, -6), e4m3[0x08], "least normal");
      assertEquals(1, e4m3[0x38]);
      assertEquals(448, e4m3[0x7e], "largest");
      assertTrue(Float.isNaN(e4m3[0x7f]) && Float.isNaN(e4m3[0xff]));
      assertEquals(Math.scalb(1f, -16), e5m2[0x01], "least subnormal");
      assertEquals(Math.scalb(1f, -14), e5m2[0x04], "least normal");
      assertEquals(57344, e5m2[0x7b], "largest");
      assertEquals(Float.POSITIVE_INFINITY, e5m2[0x7c]);
      assertTrue(Float.isNaN(e5m2[0x7d]) && Float.isNaN(e5m2[0xff]));
      for (float[] values : List.of(e4m3, e5m2)) {
        for (int i = 0; i < 128; i++) {
          assertEquals(Float.floatToIntBits(-values[i]), Float.floatToIntBits(values[i + 128]));
          assertTrue(i == 0 || !(values[i] <= values[i - 1]), "ascending or NaN");
        }
      }
    }
  }

  @Test
  void wordsAreBf16WhereTheUserSaysSo() throws IOException {
    byte[] words = HandMade.shorts(0x3f80, 0xc020, 0x7f80);
    String header = "{\"t\":{\"dtype\":\"U16\",\"shape\":[3],\"data_offsets\":[0,6]}}";
    Path file = HandMade.file(folder, "t.safetensors", HandMade.safetensors(header, words));
    try (TensorFile t = TensorFile.open(file, true)) {
      assertArrayEquals(new float[] {1, -2.5f, Float.POSITIVE_INFINITY}, read(t, "t"));
    }
    try (TensorFile t = TensorFile.open(file)) {
      assertTrue(t.tensors().isEmpty());
    }
    String dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }";
    Path npy = HandMade.file(folder, "t.npy", HandMade.npy(dictionary, words));
    try (TensorFile t = TensorFile.open(npy, true)) {
      assertArrayEquals(new float[] {1, -2.5f, Float.POSITIVE_INFINITY}, read(t, "t"));
    }
    String message = assertThrows(BadFileException.class, () -> TensorFile.open(npy)).getMessage();
    assertTrue(message.contains("--dtype bf16"), message);
  }

  @Test
  void leavesOtherTypesUnread() throws IOException {
    String header =
        """
        {"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},
         "b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}\
        """;
    try (TensorFile t = open(header, (byte) 1, (byte) 2, (byte) 3, (byte) 4)) {
      assertArrayEquals(new float[] {4}, read(t, "b"));
      assertEquals(List.of("a"), List.copyOf(t.unreadable().keySet()));
      String message = assertThrows(BadFileException.class, () -> t.tensor("a")).getMessage();
      assertTrue(message.contains("BOOL, got I8"), message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}} | expected 12 bytes for"
            + " F32 [3], got 8",
        "{\"t\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,8]}} | expected 16 bytes for"
            + " F64 [2], got 8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | reversed",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}} | is cut short",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 bytes more",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | has a hole in front",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | at least 0, got -2",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}} | at least 0, got -8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}} | too"
            + " large",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967298],\"data_offsets\":[0,8]}} | too"
            + " large",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551616]}} | does"
            + " not fit 64 bits",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}} | expected an integer",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}} | expected two"
            + " data_offsets",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}} | at most 2 values",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}} | expected dtype, shape and data_offsets",
        "{\"t\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}} | expected dtype to be a"
            + " string",
        "{\"t\":[]} | expected an object, got START_ARRAY",
        "{\"t\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} |"
            + " duplicate key 'dtype'",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}"
            + " | duplicate tensor 't'",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}"
            + " | overlaps another",
        "{\"__metadata__\":{\"a\":1},\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
            + " | expected strings",
        "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"},\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
            + " | duplicate key 'a'",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}x | bad JSON at line 1,"
            + " column",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]} | bad JSON at line 1,"
            + " column",
        "[] | starts with '{'",
      })
  void refusesBadHeaders(String header, String why) throws IOException {
    String message = refusal(header, floats(1, 2));
    assertTrue(message.contains(why), message);
  }

  @Test
  void refusesBadLengths() throws IOException {
    assertTrue(refusal(file(folder, "a", new byte[0])).contains("at least 8 bytes, got 0"));
    assertTrue(refusal(file(folder, "b", new byte[7])).contains("at least 8 bytes, got 7"));
    assertTrue(refusal(file(folder, "c", new byte[8])).contains("starts with '{'"));
    assertTrue(refusal(file(folder, "d", longs(-1))).contains("got 18446744073709551615"));
    assertTrue(refusal(file(folder, "e", longs(100_000_001))).contains("at most 100000000"));
    assertTrue(refusal(file(folder, "f", longs(99_000_000))).contains("is cut short"));
    assertTrue(refusal(folder).contains("got a folder"));
    assertTrue(refusal(folder.resolve("none")).contains("no such file"));
  }

  @Test
  void refusesDeepJsonAndBadUtf8() throws IOException {
    assertTrue(refusal("{\"t\":{\"x\":" + "[".repeat(10_000)).contains("nesting depth"));
    byte[] bytes = "{\"?\":1}".getBytes(StandardCharsets.US_ASCII);
    bytes[2] = (byte) 0xc0;
    assertTrue(refusal(file(folder, "g", safetensors(bytes))).contains("UTF-8"));
    assertTrue(refusal("{\"\\ud800\":1}").contains("surrogate"));
  }

  @Test
  void aHostileNameCannotBreakTheMessage() throws IOException {
    String name = "a\\n\\u001b[31m" + "b".repeat(100_000);
    String message = refusal("{\"" + name + "\":[]}");
    assertTrue(message.length() < 1100, () -> "length " + message.length());
    assertTrue(message.contains("a\\u000a\\u001b[31mbbb"), message);
  }

  @Test
  void saysWhenTheFileIsCutWhileOpen() throws IOException {
    Path path = file(folder, "cut", safetensors(header("F32", "[2]", 8), floats(1, 2)));
    try (TensorFile t = SafetensorsFile.open(path);
        FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 4);
      assertArrayEquals(new float[] {1}, read(t, "t", 0, 1));
      String message = assertThrows(BadFileException.class, () -> read(t, "t")).getMessage();
      assertTrue(message.contains("ends early"), message);
    }
  }

  @Test
  void survivesAnInterrupt() throws Exception {
    try (TensorFile t = open(header("F32", "[2]", 8), floats(1, 2))) {
      AtomicReference<Object> seen = new AtomicReference<>();
      Thread reader =
          new Thread(
              () -> {
                Thread.currentThread().interrupt();
                try {
                  seen.set(read(t, "t"));
                } catch (Throwable e) {
                  seen.set(e);
                }
                if (!Thread.currentThread().isInterrupted()) {
                  seen.set("the interrupt was swallowed");
                }
              });
      reader.start();
      reader.join();
      assertTrue(seen.get() instanceof float[] values && values[1] == 2, () -> "" + seen.get());
      assertArrayEquals(new float[] {1, 2}, read(t, "t"));
    }
  }

  @Test
  void opensAgainAfterAnInterruptClosedTheChannel() throws Exception {
    int n = 1 << 20;
    byte[] data = new byte[4 * n];
    data[data.length - 1] = 0x40;
    try (TensorFile t = open(header("F32", "[" + n + "]", 4L * n), data)) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread[] readers = new Thread[2];
      for (int r = 0; r < readers.length; r++) {
        readers[r] =
            new Thread(
                () -> {
                  try {
                    for (int i = 0; i < 40; i++) {
                      if (read(t, "t")[n - 1] != 2) {
                        throw new AssertionError("wrong value");
                      }
                    }
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                });
        readers[r].start();
      }
      while (readers[0].isAlive()) {
        readers[0].interrupt();
        Thread.sleep(1);
      }
      readers[1].join();
      if (failure.get() != null) {
        throw new AssertionError(failure.get());
      }
    }
  }

  @Test
  void aClosedFileSaysSo() throws IOException {
    TensorFile t = open(header("F32", "[1]", 4), floats(1));
    t.close();
    t.close();
    assertThrows(IllegalStateException.class, () -> read(t, "t"));
  }

  @Test
  void readsBeyondTwoToThe31Elements() throws IOException {
    FileStore store = Files.getFileStore(folder);
    long elements = (1L << 31) + 77;
    byte[] head = safetensors(header("F32", "[" + elements + "]", 4 * elements));
    Path path = folder.resolve("huge.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(head));
      channel.write(ByteBuffer.wrap(floats(3, 4)), head.length + 4 * (elements - 2));
    } catch (IOException e) {
      Assumptions.abort("no file of " + 4 * elements + " bytes on " + store + ": " + e);
    }
    try (TensorFile t = SafetensorsFile.open(path)) {
      assertEquals(elements, t.tensor("t").elements());
      assertArrayEquals(new float[] {0, 3, 4}, read(t, "t", elements - 3, 3));
      assertArrayEquals(new float[] {0, 0}, read(t, "t", (1L << 31) - 1, 2));
    } finally {
      Files.delete(path);
    }
  }
}
