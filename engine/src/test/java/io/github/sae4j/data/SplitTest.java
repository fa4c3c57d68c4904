package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SplitTest {
  private static final int TRAIN = 1;
  private static final int HELD_OUT = 2;

  /** What each row is used for; fails if a part is not ascending or uses a row twice. */
  private static int[] uses(Split split, int rows) {
    int[] uses = new int[rows];
    long last = -1;
    for (long i = 0; i < split.trainingRows(); i++) {
      long row = split.trainingRow(i);
      assertTrue(row > last, "training rows ascend");
      last = row;
      uses[(int) row] += TRAIN;
    }
    last = -1;
    for (long i = 0; i < split.heldOutRows(); i++) {
      long row = split.heldOutRow(i);
      assertTrue(row > last, "held-out rows ascend");
      last = row;
      uses[(int) row] += HELD_OUT;
    }
    return uses;
  }

  @Test
  void everyRowIsInExactlyOnePart() {
    for (int rows : new int[] {1, 2, 3, 10, 511, 4096, 16_384, 100_003}) {
      for (double share : new double[] {0, 0.001, 0.05, 0.3, 0.5, 0.9, 0.999}) {
        Split split = Split.of(rows, share);
        assertEquals(Math.min(rows - 1, Math.round(share * rows)), split.heldOutRows());
        for (int use : uses(split, rows)) {
          assertTrue(use == TRAIN || use == HELD_OUT, rows + " rows, share " + share);
        }
      }
    }
  }

  @Test
  void heldOutRowsAreLongBlocksSpreadOverTheRows() {
    int rows = 1_000_000;
    List<int[]> blocks = heldOutBlocks(uses(Split.of(rows, 0.05), rows));
    assertEquals(49, blocks.size());
    for (int i = 0; i < blocks.size(); i++) {
      int start = blocks.get(i)[0];
      int length = blocks.get(i)[1] - start;
      assertEquals(50_000.0 / 49, length, 1);
      // The longer stretches come first, which moves a stretch by up to 49 / 4 rows.
      assertEquals((i + 0.5) * rows / 49, start + length / 2.0, 14, "middle of stretch " + i);
    }
  }

  @Test
  void aSmallDataSetHasTwoBlocks() {
    List<int[]> blocks = heldOutBlocks(uses(Split.of(16_384, 0.05), 16_384));
    assertEquals(2, blocks.size());
    assertEquals(819, blocks.stream().mapToInt(b -> b[1] - b[0]).sum());
  }

  private static List<int[]> heldOutBlocks(int[] uses) {
    List<int[]> blocks = new ArrayList<>();
    for (int row = 0; row < uses.length; row++) {
      if (uses[row] == HELD_OUT) {
        if (row == 0 || uses[row - 1] != HELD_OUT) {
          blocks.add(new int[] {row, row});
        }
        blocks.getLast()[1] = row + 1;
      }
    }
    return blocks;
  }

  @Test
  void workForMoreRowsThanMemoryCouldList() {
    long rows = 1L << 46;
    Split split = Split.of(rows, 0.05);
    assertEquals(rows - 1, split.trainingRow(split.trainingRows() - 1));
    for (long i = 0; i < split.heldOutRows(); i += split.heldOutRows() / 1000) {
      long row = split.heldOutRow(i);
      assertTrue(row >= 0 && row < rows);
      // Training rows before it: the row's own number less the held-out rows before it.
      long before = row - i;
      assertTrue(split.trainingRow(before) > row);
      assertTrue(before == 0 || split.trainingRow(before - 1) < row);
    }
  }

  @Test
  void maskedRowsAreInNeitherPart() {
    boolean[] excluded = new boolean[10_000];
    int kept = 0;
    for (int row = 0; row < excluded.length; row++) {
      excluded[row] = row % 127 == 0 || row / 1000 == 4;
      kept += excluded[row] ? 0 : 1;
    }
    Split split = Split.of(RowMask.of(excluded), 0.1);
    assertEquals(kept, split.trainingRows() + split.heldOutRows());
    assertEquals(Math.round(0.1 * kept), split.heldOutRows());
    int[] uses = uses(split, excluded.length);
    for (int row = 0; row < excluded.length; row++) {
      assertEquals(excluded[row], uses[row] == 0, "row " + row);
      assertTrue(uses[row] <= HELD_OUT);
    }
  }

  @Test
  void theViewsServeTheirRows() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      Matrix all = memory.matrix(100, 3);
      for (int row = 0; row < 100; row++) {
        all.set(row, 0, row);
      }
      MatrixSource source = new MatrixSource(all, "memory");
      Split split = Split.of(100, 0.2);
      ActivationSource training = split.training(source);
      ActivationSource heldOut = split.heldOut(source).orElseThrow();
      assertEquals(80, training.rows());
      assertEquals(20, heldOut.rows());
      Matrix target = memory.matrix(80, 3);
      training.readRange(0, 80, target);
      for (int i = 0; i < 80; i++) {
        assertEquals(split.trainingRow(i), target.get(i, 0));
        assertEquals(new RowOrigin("memory", split.trainingRow(i)), training.origin(i));
      }
      heldOut.read(new long[] {19, 0, 0}, 3, target);
      assertEquals(split.heldOutRow(19), target.get(0, 0));
      assertEquals(split.heldOutRow(0), target.get(1, 0));
      assertEquals(split.heldOutRow(0), target.get(2, 0));
      assertThrows(IllegalArgumentException.class, () -> heldOut.read(new long[] {20}, 1, target));
      assertThrows(IllegalArgumentException.class, () -> Split.of(99, 0.2).training(source));
      assertTrue(Split.of(100, 0).heldOut(source).isEmpty());
    }
  }

  @Test
  void refusesWhatIsOutOfRange() {
    for (double share : new double[] {-0.1, 1, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> Split.of(10, share));
    }
    assertThrows(IllegalArgumentException.class, () -> Split.of(0, 0.1));
    Split split = Split.of(10, 0.2);
    assertThrows(IllegalArgumentException.class, () -> split.trainingRow(8));
    assertThrows(IllegalArgumentException.class, () -> split.heldOutRow(2));
    assertThrows(IllegalArgumentException.class, () -> split.heldOutRow(-1));
  }
}
