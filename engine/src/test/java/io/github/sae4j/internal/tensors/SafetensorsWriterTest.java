package io.github.sae4j.internal.tensors;

import static io.github.sae4j.internal.tensors.HandMade.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.ElementType;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsWriterTest {
  @TempDir Path folder;
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void free() {
    memory.close();
  }

  private Matrix random(int rows, int cols) {
    Random random = new Random(31L * rows + cols);
    Matrix matrix = memory.matrix(rows, cols);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        matrix.set(r, c, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  private Path path() {
    return folder.resolve("w.safetensors");
  }

  @Test
  void givesTheBytesOfTheReferenceImplementation() throws Exception {
    Path reference = Path.of(getClass().getResource("/format/reference.safetensors").toURI());
    SafetensorsWriter writer = new SafetensorsWriter();
    try (TensorFile t = SafetensorsFile.open(reference)) {
      assertTrue(t.tensors().size() >= 4);
      t.metadata().forEach(writer::metadata);
      for (TensorInfo info : t.tensors().reversed()) {
        long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
        writer.floats(info.name(), read(t, info.name()), shape);
      }
    }
    writer.write(path());
    assertArrayEquals(Files.readAllBytes(reference), Files.readAllBytes(path()));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,7", "7,1", "0,3", "64,64", "65,63", "4097,3", "3,131", "4100,70"})
  void transposesOnTheEdge(int rows, int cols) throws IOException {
    Matrix matrix = random(rows, cols);
    new SafetensorsWriter()
        .matrix("m", matrix)
        .transposed("t", matrix)
        .transposed("h", matrix, ElementType.BF16)
        .matrix("g", matrix, ElementType.BF16)
        .write(path());
    try (TensorFile t = SafetensorsFile.open(path())) {
      assertEquals(List.of((long) rows, (long) cols), t.tensor("m").shape());
      assertEquals(List.of((long) cols, (long) rows), t.tensor("t").shape());
      assertArrayEquals(matrix.toArray(), read(t, "m"));
      float[] transposed = read(t, "t");
      float[] half = read(t, "h");
      float[] plainHalf = read(t, "g");
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          assertEquals(matrix.get(r, c), transposed[c * rows + r]);
          assertEquals(plainHalf[r * cols + c], half[c * rows + r]);
        }
      }
    }
  }

  @Test
  void everyTypeComesBack() throws IOException {
    Matrix vector = memory.vector(3);
    vector.write(0, 1, new float[] {-1.5f, 0, 1024}, 0);
    new SafetensorsWriter()
        .metadata("b", "2")
        .metadata("a", "\u00e9\n\"")
        .vector("f32", vector)
        .vector("f64", vector, ElementType.F64)
        .vector("f16", vector, ElementType.F16)
        .vector("bf16", vector, ElementType.BF16)
        .doubles("d", new double[] {0.1}, 1, 1)
        .floats("scalar", new float[] {7})
        .floats("empty", new float[0], 4, 0)
        .ints("i32", new int[] {Integer.MIN_VALUE, 5}, 2)
        .longs("i64", new long[] {Long.MAX_VALUE}, 1)
        .bytes("u8", new byte[] {(byte) 200}, 1)
        .raw("bool", ElementType.BOOL, MemorySegment.ofArray(new byte[] {1, 0}), 2)
        .write(path());
    assertEquals(0, Files.readAllBytes(path())[0] % 8, "header padded to 8 bytes");
    try (TensorFile t = SafetensorsFile.open(path())) {
      assertEquals(Map.of("a", "\u00e9\n\"", "b", "2"), t.metadata());
      for (String name : List.of("f32", "f64", "f16", "bf16")) {
        assertArrayEquals(new float[] {-1.5f, 0, 1024}, read(t, name), name);
        assertEquals(name.toUpperCase(Locale.ROOT), t.tensor(name).type().name());
      }
      assertArrayEquals(new float[] {0.1f}, read(t, "d"));
      assertEquals(List.of(), t.tensor("scalar").shape());
      assertEquals(List.of(4L, 0L), t.tensor("empty").shape());
      assertArrayEquals(new long[] {Integer.MIN_VALUE, 5}, t.readLongs(t.tensor("i32"), 0, 2));
      assertArrayEquals(new long[] {Long.MAX_VALUE}, t.readLongs(t.tensor("i64"), 0, 1));
      assertArrayEquals(new long[] {200}, t.readLongs(t.tensor("u8"), 0, 1));
      assertArrayEquals(new long[] {1, 0}, t.readLongs(t.tensor("bool"), 0, 2));
    }
  }

  /** Against exact decimal arithmetic: the nearest representable value, ties to the even one. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void roundsToNearestEven(ElementType type) throws IOException {
    int count = 1 << 16;
    // Every finite value of the type, from the reader, whose table the edge tests check.
    byte[] all = new byte[2 * count];
    for (int i = 0; i < count; i++) {
      all[2 * i] = (byte) i;
      all[2 * i + 1] = (byte) (i >>> 8);
    }
    String header =
        "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(type, count, 2 * count);
    float[] values;
    Path table = HandMade.file(folder, "all", HandMade.safetensors(header, all));
    try (TensorFile t = SafetensorsFile.open(table)) {
      values = read(t, "t");
    }
    int largest = type == ElementType.F16 ? 0x7bff : 0x7f7f;
    Random random = new Random(5);
    int tries = 20_000;
    Matrix input = memory.vector(tries);
    short[] expected = new short[tries];
    for (int i = 0; i < tries; i++) {
      int low = random.nextInt(largest);
      double a = values[low];
      double b = values[low + 1];
      float x =
          switch (i % 4) {
            case 0 -> (float) ((a + b) / 2);
            case 1 -> Math.nextUp((float) ((a + b) / 2));
            case 2 -> Math.nextDown((float) ((a + b) / 2));
            default -> (float) (a + (b - a) * random.nextDouble());
          };
      int sign = random.nextInt(2);
      input.set(0, i, sign == 0 ? x : -x);
      BigDecimal down = new BigDecimal(x).subtract(new BigDecimal(a));
      BigDecimal up = new BigDecimal(b).subtract(new BigDecimal(x));
      int order = down.compareTo(up);
      int nearest = order < 0 || order == 0 && low % 2 == 0 ? low : low + 1;
      expected[i] = (short) (nearest | sign << 15);
    }
    new SafetensorsWriter().vector("t", input, type).write(path());
    byte[] file = Files.readAllBytes(path());
    for (int i = 0; i < tries; i++) {
      int at = file.length - 2 * (tries - i);
      short got = (short) (file[at] & 0xff | file[at + 1] << 8);
      int index = i;
      assertEquals(expected[i], got, () -> "of " + input.get(0, index));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void keepsInfinitiesAndNaN(ElementType type) throws IOException {
    Matrix input = memory.vector(5);
    float small = Float.intBitsToFloat(0x7f800001);
    input.write(
        0,
        1,
        new float[] {
          Float.MAX_VALUE, Float.NEGATIVE_INFINITY, Float.NaN, small, Float.intBitsToFloat(-1)
        },
        0);
    new SafetensorsWriter().vector("t", input, type).write(path());
    try (TensorFile t = SafetensorsFile.open(path())) {
      float[] values = read(t, "t");
      assertEquals(Float.POSITIVE_INFINITY, values[0]);
      assertEquals(Float.NEGATIVE_INFINITY, values[1]);
      assertTrue(Float.isNaN(values[2]) && Float.isNaN(values[3]) && Float.isNaN(values[4]));
    }
  }

  @Test
  void theSameContentsGiveTheSameBytes() throws IOException {
    Matrix matrix = random(5, 3);
    new SafetensorsWriter()
        .metadata("x", "1")
        .metadata("y", "2")
        .matrix("a", matrix)
        .ints("b", new int[] {1}, 1)
        .write(path());
    byte[] first = Files.readAllBytes(path());
    new SafetensorsWriter()
        .ints("b", new int[] {1}, 1)
        .metadata("y", "2")
        .matrix("a", matrix)
        .metadata("x", "1")
        .write(path());
    assertArrayEquals(first, Files.readAllBytes(path()));
  }

  @Test
  void overwritesALongerFile() throws IOException {
    Files.write(path(), new byte[100_000]);
    new SafetensorsWriter().floats("a", new float[] {1}, 1).write(path());
    try (TensorFile t = SafetensorsFile.open(path())) {
      assertArrayEquals(new float[] {1}, read(t, "a"));
    }
  }

  @Test
  void anInterruptDoesNotLoseTheFile() throws Exception {
    Matrix matrix = random(4096, 256);
    Path kept = folder.resolve("kept");
    new SafetensorsWriter().matrix("m", matrix).transposed("t", matrix).write(kept);
    byte[] expected = Files.readAllBytes(kept);
    AtomicReference<Object> seen = new AtomicReference<>();
    Thread writer =
        new Thread(
            () -> {
              Thread.currentThread().interrupt();
              try {
                new SafetensorsWriter().matrix("m", matrix).transposed("t", matrix).write(path());
                seen.set(Thread.currentThread().isInterrupted());
              } catch (Throwable e) {
                seen.set(e);
              }
            });
    writer.start();
    while (writer.isAlive()) {
      writer.interrupt();
      Thread.sleep(1);
    }
    assertEquals(true, seen.get());
    assertArrayEquals(expected, Files.readAllBytes(path()));
  }

  @Test
  void takesPiecesInAnyOrder() throws IOException {
    Matrix rows = random(6, 3);
    List<TensorInfo> tensors =
        List.of(
            new TensorInfo("values", ElementType.F32, List.of(6L, 3L)),
            new TensorInfo("indices", ElementType.I32, List.of(6L, 3L)));
    MemorySegment indices = memory.block(6 * 3 * 4);
    indices.set(ValueLayout.JAVA_INT, 17 * 4, 99);
    try (SafetensorsOutput output = SafetensorsOutput.create(path(), Map.of(), tensors)) {
      output.writeRows("values", 4, rows.rows(4, 2));
      output.writeRaw("indices", 0, indices, 0, 10);
      output.writeRows("values", 0, rows.rows(0, 4));
      IllegalStateException e = assertThrows(IllegalStateException.class, output::finish);
      assertTrue(e.getMessage().contains("expected 18 elements of 'indices', got 10"));
      output.writeRaw("indices", 10, indices, 40, 8);
      output.finish();
    }
    try (TensorFile t = SafetensorsFile.open(path())) {
      assertArrayEquals(rows.toArray(), read(t, "values"));
      assertEquals(99, t.readLongs(t.tensor("indices"), 17, 1)[0]);
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter();
    Matrix matrix = random(2, 3);
    assertThrows(IllegalArgumentException.class, () -> writer.vector("v", matrix));
    assertThrows(IllegalArgumentException.class, () -> writer.matrix("m", matrix, ElementType.I32));
    assertThrows(IllegalArgumentException.class, () -> writer.floats("f", new float[6], 2, 2));
    assertThrows(
        IllegalArgumentException.class, () -> writer.tensor("f", matrix, ElementType.F32, -2, -3));
    writer.matrix("twice", matrix).matrix("twice", matrix);
    assertThrows(IllegalArgumentException.class, () -> writer.write(path()));
    assertFalse(Files.exists(path()), "nothing is created when the declaration is wrong");
  }

  @Test
  void writesBeyondTwoToThe31Elements() throws IOException {
    // Only the ends are written: the file stays sparse where the file system allows.
    long rows = (1L << 31) / 1024 + 3;
    Matrix matrix = random(2, 1024);
    List<TensorInfo> tensors = List.of(new TensorInfo("t", ElementType.BF16, List.of(rows, 1024L)));
    try (SafetensorsOutput output = SafetensorsOutput.create(path(), Map.of(), tensors)) {
      output.writeRows("t", rows - 2, matrix);
    }
    try (TensorFile t = SafetensorsFile.open(path())) {
      float[] values = read(t, "t", (rows - 2) * 1024, 2048);
      assertEquals(matrix.get(1, 1023), values[2047], 0x1p-8f * Math.abs(values[2047]));
    }
  }
}
