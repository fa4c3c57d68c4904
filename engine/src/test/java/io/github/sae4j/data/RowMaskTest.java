package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.numerics.CounterRandom;
import io.github.sae4j.numerics.RandomPurpose;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowMaskTest {
  @TempDir Path folder;

  @Test
  void keptRowsAreFoundWhateverThePattern() {
    CounterRandom random = new CounterRandom(11, RandomPurpose.SYNTHETIC);
    for (int rows : new int[] {1, 63, 64, 65, 511, 512, 513, 5000}) {
      for (double share : new double[] {0, 0.01, 0.5, 0.999}) {
        boolean[] excluded = new boolean[rows];
        for (int row = 0; row < rows; row++) {
          excluded[row] = random.uniform(row) < share || row >= 600 && row < 2600;
        }
        excluded[rows / 2] = false;
        RowMask mask = RowMask.of(excluded);
        long next = 0;
        for (int row = 0; row < rows; row++) {
          assertEquals(excluded[row], mask.excluded(row));
          if (!excluded[row]) {
            assertEquals(row, mask.keptRow(next), rows + " rows, share " + share);
            next++;
          }
        }
        assertEquals(next, mask.keptRows());
        assertEquals(rows, mask.rows());
      }
    }
  }

  @Test
  void oneExcludesInNpyOfBoolAndU8() throws IOException {
    for (String descr : new String[] {"|b1", "|u1"}) {
      Path file = Dump.npy(folder.resolve("mask.npy"), descr, new byte[] {0, 1, 0, 0}, "4,");
      RowMask mask = RowMask.read(file, 4);
      assertEquals(3, mask.keptRows());
      assertTrue(mask.excluded(1));
      assertFalse(mask.excluded(3));
    }
  }

  @Test
  void aMaskOfSequencesAndATensorNamedMaskAreTaken() throws IOException {
    Path file =
        new Dump()
            .add("other", ElementType.U8, new byte[] {1, 1}, 2)
            .add("mask", ElementType.BOOL, new byte[] {1, 0, 0, 0, 0, 1}, 2, 3)
            .add("activations", ElementType.F32, 0, 6, 2)
            .write(folder.resolve("all.safetensors"));
    assertEquals(4, RowMask.read(file, 6).keptRows());
  }

  @Test
  void whatIsNoMaskIsRefused() throws IOException {
    Path good = Dump.npy(folder.resolve("good.npy"), "|b1", new byte[] {0, 1}, "2,");
    refused(good, 3, "expected a mask of 3 values");
    Path two = Dump.npy(folder.resolve("two.npy"), "|u1", new byte[] {0, 0, 2}, "3,");
    refused(two, 3, "got 2 at row 2");
    Path all = Dump.npy(folder.resolve("all.npy"), "|u1", new byte[] {1, 1}, "2,");
    refused(all, 2, "excludes all 2 rows");
    refused(Dump.npy(folder.resolve("float.npy"), 0, 2, 1), 2, "BOOL or U8");
    refused(folder.resolve("none.npy"), 2, "no such file");
    assertThrows(IllegalArgumentException.class, () -> RowMask.of(new boolean[] {true}));
  }

  private static void refused(Path file, long rows, String why) {
    var e = assertThrows(BadFileException.class, () -> RowMask.read(file, rows));
    assertTrue(e.getMessage().contains(why), e.getMessage());
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
  }

  @Test
  void theHashTellsMasksApart() {
    String hash = RowMask.of(new boolean[] {false, true, false}).sha256();
    assertEquals(hash, RowMask.of(new boolean[] {false, true, false}).sha256());
    assertNotEquals(hash, RowMask.of(new boolean[] {true, false, false}).sha256());
    assertNotEquals(hash, RowMask.of(new boolean[] {false, true, false, true}).sha256());
  }

  @Test
  void rowsThatAreSomethingAreAskedOnceInOrder() {
    List<Long> asked = new ArrayList<>();
    RowMask even =
        RowMask.where(
            130,
            row -> {
              asked.add(row);
              return row % 2 == 0;
            });
    assertEquals(LongStream.range(0, 130).boxed().toList(), asked);
    assertEquals(65, even.keptRows());
    RowMask both = even.and(RowMask.where(130, row -> row < 100));
    assertEquals(15, both.keptRows());
    assertEquals(101, both.keptRow(0));
    assertThrows(IllegalArgumentException.class, () -> RowMask.where(3, row -> true));
    assertThrows(
        IllegalArgumentException.class, () -> even.and(RowMask.where(130, row -> row % 2 == 1)));
    assertThrows(
        IllegalArgumentException.class, () -> even.and(RowMask.where(131, row -> row == 0)));
    assertThrows(IllegalArgumentException.class, () -> RowMask.where(0, row -> false));
  }
}
