package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.format.TextCursor;
import io.github.sae4j.internal.tensors.TensorFormats;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/** Rows as the library reads them from any format. */
final class Rows {
  private Rows() {}

  static float[][] read(Path file, String tensor) throws IOException {
    try (ActivationFiles rows =
            ActivationFiles.open(List.of(file.toString()), Optional.ofNullable(tensor));
        OffHeap memory = new OffHeap()) {
      int count = Math.toIntExact(rows.rows());
      Matrix all = memory.matrix(count, rows.width());
      rows.readRange(0, count, all);
      float[][] values = new float[count][rows.width()];
      for (int i = 0; i < count; i++) {
        all.read(i, 1, values[i], 0);
      }
      return values;
    }
  }

  /** Expects the rows of two files to be the same bits, front to back and in any order. */
  static void expectSame(Path expected, Path got, String tensor) throws IOException {
    try (ActivationFiles a = ActivationFiles.open(List.of(expected.toString()), Optional.empty());
        ActivationFiles b =
            ActivationFiles.open(List.of(got.toString()), Optional.ofNullable(tensor));
        OffHeap memory = new OffHeap()) {
      assertEquals(a.rows(), b.rows());
      assertEquals(a.width(), b.width());
      b.expectAnyOrder();
      int count = Math.toIntExact(a.rows());
      long[] order = new Random(5).longs(count, 0, count).toArray();
      Matrix x = memory.matrix(count, a.width());
      Matrix y = memory.matrix(count, a.width());
      a.readRange(0, count, x);
      b.readRange(0, count, y);
      assertEquals(-1, x.segment().mismatch(y.segment()));
      a.read(order, count, x);
      b.read(order, count, y);
      assertEquals(-1, x.segment().mismatch(y.segment()));
    }
  }

  static Path npy(Path file, float[][] rows) throws IOException {
    String header =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(rows.length, rows[0].length);
    int padded = (10 + header.length() + 1 + 63) / 64 * 64;
    ByteBuffer out =
        ByteBuffer.allocate(padded + rows.length * rows[0].length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    out.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    out.putShort((short) (padded - 10));
    out.put(header.getBytes(StandardCharsets.US_ASCII));
    while (out.position() < padded - 1) {
      out.put((byte) ' ');
    }
    out.put((byte) '\n');
    for (float[] row : rows) {
      for (float value : row) {
        out.putFloat(value);
      }
    }
    return Files.write(file, out.array());
  }

  static String refusal(Path file, String tensor) {
    String message =
        assertThrows(BadFileException.class, () -> read(file, tensor), file::toString).getMessage();
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  /** The texts of a column, some passed over before. */
  static List<String> texts(TensorColumns columns, String column, long skipped, int most)
      throws IOException {
    try (TextCursor texts = columns.openTexts(column)) {
      texts.skip(skipped);
      return texts.next(most);
    }
  }

  /** Reads all texts that a file has beside its numbers. */
  static void readTexts(Path file) throws IOException {
    Optional<TensorColumns> columns = TensorFormats.columns(file);
    if (columns.isPresent()) {
      try (TensorColumns all = columns.get()) {
        for (String column : all.texts()) {
          try (TextCursor texts = all.openTexts(column)) {
            texts.skip(1);
            while (!texts.next(100).isEmpty()) {}
          }
        }
      }
    }
  }

  /**
   * Damages a file in many ways: each is refused in one line or read, and nothing else happens.
   *
   * @return how many were refused
   */
  static int damage(Path sound, Path folder, String suffix, String tensor, int tries)
      throws IOException {
    byte[] bytes = Files.readAllBytes(sound);
    Random random = new Random(11);
    int refused = 0;
    for (int i = 0; i < tries; i++) {
      byte[] damaged = bytes.clone();
      if (i % 3 == 0) {
        damaged = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      } else {
        for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
          damaged[random.nextInt(damaged.length)] =
              (byte) (i % 3 == 1 ? random.nextInt() : List.of(0, -1, 127, -128).get(flips % 4));
        }
      }
      Path file = Files.write(folder.resolve("damaged" + suffix), damaged);
      try {
        read(file, tensor);
        readTexts(file);
      } catch (BadFileException e) {
        refused++;
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
      } catch (IOException | RuntimeException | Error e) {
        throw new AssertionError("try " + i + " of " + sound, e);
      }
    }
    assertFalse(refused == 0, "nothing was refused");
    return refused;
  }
}
