package io.github.sae4j.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** Big blocks are touched by the threads that a group is opened for. */
class FirstTouchTest {
  private static final int ROWS = 1 << 12;
  private static final int COLS = 1 << 12;

  @Test
  void allPagesAreLeftToTheGroupsThreads() {
    assumeFalse(
        HugePages.description().startsWith("none"), "skipped: blocks are not in huge pages here");
    List<Integer> touched = new ArrayList<>();
    List<Integer> pagesOf = new ArrayList<>();
    try (OffHeap memory =
        new OffHeap(
            (pages, touch) -> {
              pagesOf.add(pages);
              for (int page = pages - 1; page >= 0; page--) {
                touched.add(page);
                touch.accept(page);
              }
            })) {
      Matrix matrix = memory.matrix(ROWS, COLS);
      assertEquals(1, pagesOf.size());
      assertEquals(pagesOf.getFirst(), touched.size());
      assertTrue(pagesOf.getFirst() >= 2);
      assertEquals(0f, matrix.get(ROWS - 1, COLS - 1));
      memory.matrix(1, 8);
      assertEquals(1, pagesOf.size(), "a small block is touched where it is allocated");
    }
  }

  /** Memory may be opened and filled while kernels run, and after the device is closed. */
  @Test
  void aDevicesMemoryIsZerosWhateverItsPoolDoes() {
    OffHeap memory;
    try (Device device =
        Devices.open("cpu", new DeviceOptions(OptionalInt.of(16), OptionalInt.empty()))) {
      memory = device.openMemory();
      assertZeros(memory.matrix(ROWS, COLS));
    }
    try (memory) {
      assertZeros(memory.matrix(ROWS, COLS));
    }
  }

  private static void assertZeros(Matrix matrix) {
    float[] row = new float[COLS];
    int bits = 0;
    for (int i = 0; i < ROWS; i++) {
      matrix.read(i, 1, row, 0);
      for (float value : row) {
        bits |= Float.floatToRawIntBits(value);
      }
    }
    assertEquals(0, bits);
  }
}
