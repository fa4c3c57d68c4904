package io.github.sae4j.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Codes in compressed rows: lengths, growth, views. */
class SparseCodesTest {
  private final OffHeap memory = new OffHeap();

  @AfterEach
  void close() {
    memory.close();
  }

  private static void write(SparseCodes codes, int row, int... latents) {
    float[] values = new float[latents.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = latents[i] + 0.5f;
    }
    codes.setRow(row, latents.length, latents, values, 0);
  }

  private static int[] read(SparseCodes codes, int row) {
    int[] latents = new int[codes.length(row)];
    for (int slot = 0; slot < latents.length; slot++) {
      latents[slot] = codes.index(row, slot);
      assertEquals(latents[slot] + 0.5f, codes.value(row, slot));
    }
    return latents;
  }

  @Test
  void freshRowsAreEmpty() {
    SparseCodes codes = memory.codes(3, 4);
    assertEquals(3, codes.rows());
    assertEquals(0, codes.size());
    for (int row = 0; row < 3; row++) {
      assertEquals(0, codes.length(row));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> codes.index(1, 0));
  }

  @Test
  void rowsHoldWhatWasWrittenWhateverTheirLengths() {
    SparseCodes codes = memory.codes(5, 1);
    write(codes, 0, 3, 4, 9);
    write(codes, 1);
    write(codes, 2, 7);
    write(codes, 3, 0, 1, 2, 3, 4, 5, 6);
    write(codes, 4);
    assertArrayEquals(new int[] {3, 4, 9}, read(codes, 0));
    assertArrayEquals(new int[] {}, read(codes, 1));
    assertArrayEquals(new int[] {7}, read(codes, 2));
    assertArrayEquals(new int[] {0, 1, 2, 3, 4, 5, 6}, read(codes, 3));
    assertEquals(11, codes.size());
    int[] starts = new int[6];
    codes.readStarts(starts);
    assertArrayEquals(new int[] {0, 3, 3, 4, 11, 11}, starts);
    assertEquals(44, codes.indices().byteSize());
    assertEquals(7, codes.indices().get(SparseCodes.INT, 12));
    assertEquals(7.5f, codes.values().get(Matrix.FLOAT, 12));
  }

  @Test
  void viewsBeginWhereTheRowBeforeThemEndsAndShareTheMemory() {
    SparseCodes codes = memory.codes(6, 1);
    write(codes.rows(0, 2), 0, 1);
    write(codes.rows(0, 2), 1, 2, 3);
    SparseCodes middle = codes.rows(2, 3);
    write(middle, 0, 4, 5, 6);
    write(middle, 1, 7);
    write(middle.rows(2, 1), 0, 8, 9);
    assertEquals(0, middle.start(0));
    assertEquals(3, middle.start(1));
    assertEquals(6, middle.size());
    assertEquals(4, middle.indices().get(SparseCodes.INT, 0));
    assertArrayEquals(new int[] {4, 5, 6}, read(codes, 2));
    assertArrayEquals(new int[] {7}, read(middle, 1));
    assertArrayEquals(new int[] {8, 9}, read(codes, 4));
    assertEquals(0, codes.length(5));
    assertEquals(9, codes.size());
    int[] starts = new int[4];
    middle.readStarts(starts);
    assertArrayEquals(new int[] {0, 3, 4, 6}, starts);
  }

  @Test
  void aRowOfTheSameLengthLeavesTheRowsAfterIt() {
    SparseCodes codes = memory.codes(3, 2);
    write(codes, 0, 1, 2);
    write(codes, 1, 3, 4);
    write(codes, 2, 5, 6);
    write(codes, 1, 7, 8);
    assertArrayEquals(new int[] {7, 8}, read(codes, 1));
    assertArrayEquals(new int[] {5, 6}, read(codes, 2));
  }

  @Test
  void aRowOfAnotherLengthEmptiesTheRowsAfterIt() {
    SparseCodes codes = memory.codes(4, 2);
    for (int row = 0; row < 4; row++) {
      write(codes, row, row, row + 1);
    }
    write(codes, 1, 9);
    assertArrayEquals(new int[] {0, 1}, read(codes, 0));
    assertArrayEquals(new int[] {9}, read(codes, 1));
    assertEquals(0, codes.length(2));
    assertEquals(0, codes.length(3));
    assertEquals(3, codes.size());
    write(codes, 3, 5);
    assertEquals(0, codes.length(2));
    assertArrayEquals(new int[] {5}, read(codes, 3));
  }

  @Test
  void equalRowsMayBeFilledInAnyOrder() {
    SparseCodes codes = memory.codes(4, 0);
    codes.equalRows(2);
    for (int row = 3; row >= 0; row--) {
      write(codes.rows(row, 1), 0, 2 * row, 2 * row + 1);
    }
    codes.set(1, 0, 1, 1.5f);
    assertEquals(8, codes.size());
    for (int row = 0; row < 4; row++) {
      assertArrayEquals(new int[] {row == 1 ? 1 : 2 * row, 2 * row + 1}, read(codes, row));
    }
    codes.rows(1, 2).equalRows(2);
    assertArrayEquals(new int[] {6, 7}, read(codes, 3));
    codes.rows(1, 2).equalRows(1);
    assertArrayEquals(new int[] {0, 1}, read(codes, 0));
    assertEquals(0, codes.length(3));
    codes.equalRows(0);
    assertEquals(0, codes.size());
  }

  @Test
  void whatWasThereStaysWhenMemoryGrows() {
    Random random = new Random(5);
    SparseCodes codes = memory.codes(300, 0);
    List<int[]> expected = new ArrayList<>();
    for (int row = 0; row < codes.rows(); ) {
      int count = Math.min(1 + random.nextInt(20), codes.rows() - row);
      int[] starts = new int[count + 1];
      starts[0] = random.nextInt(3);
      for (int r = 0; r < count; r++) {
        starts[r + 1] = starts[r] + random.nextInt(40);
      }
      int[] latents = random.ints(starts[count], 0, 1000).toArray();
      float[] values = new float[latents.length];
      IntStream.range(0, values.length).forEach(i -> values[i] = latents[i] + 0.5f);
      codes.setRows(row, count, starts, latents, values);
      for (int r = 0; r < count; r++) {
        expected.add(Arrays.copyOfRange(latents, starts[r], starts[r + 1]));
      }
      row += count;
    }
    for (int row = 0; row < codes.rows(); row++) {
      assertArrayEquals(expected.get(row), read(codes, row));
    }
  }

  @Test
  void memoryThatSufficesDoesNotGrow() {
    SparseCodes codes = memory.codes(8, 3);
    long bytes = memory.bytes();
    for (int repeat = 0; repeat < 3; repeat++) {
      codes.equalRows(3);
      for (int row = 0; row < 8; row++) {
        write(codes, row, 1, 2, 3);
      }
    }
    assertEquals(bytes, memory.bytes());
    write(codes, 7, 1, 2, 3, 4);
    assertTrue(memory.bytes() > bytes);
    assertArrayEquals(new int[] {1, 2, 3, 4}, read(codes, 7));
  }

  @Test
  void anIndexOutOfRangeIsNamedWithTheRowOfTheView() {
    SparseCodes codes = memory.codes(4, 2);
    write(codes, 0, 1);
    write(codes, 1);
    write(codes, 2, 2, 5);
    codes.expectIndices(6);
    for (int bad : new int[] {5, -1}) {
      codes.set(2, 1, bad, 0f);
      String message =
          assertThrows(IllegalArgumentException.class, () -> codes.rows(1, 3).expectIndices(5))
              .getMessage();
      assertEquals("codes: expected indices in [0, 5), got " + bad + " in row 1", message);
    }
    codes.rows(0, 2).expectIndices(2);
  }

  @Test
  void sizesOutOfRangeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> memory.codes(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> memory.codes(1, -1));
    assertThrows(IllegalArgumentException.class, () -> memory.codes(1 << 20, 1 << 12));
    SparseCodes codes = memory.codes(1 << 20, 0);
    assertThrows(IllegalArgumentException.class, () -> codes.equalRows(-1));
    assertThrows(IllegalArgumentException.class, () -> codes.equalRows(1 << 12));
    assertThrows(IllegalArgumentException.class, () -> codes.rows(1, 1 << 20));
    assertThrows(IndexOutOfBoundsException.class, () -> write(codes.firstRows(2), 2, 1));
  }
}
