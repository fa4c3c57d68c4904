package io.github.sae4j.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Decoded values of several files share one bound. */
class HeldValuesTest {
  private static final int BYTES = 1 << 20;

  /** How often values were decoded from the start. */
  private int passes;

  /** Whether the next bytes are decoded, and lost. */
  private boolean fails;

  private HeldValues values(String name) {
    return new HeldValues(Path.of(name), "'v'", BYTES, this::begin);
  }

  private HeldValues.Decoder begin() {
    passes++;
    return new HeldValues.Decoder() {
      private long at;

      @Override
      public void next(MemorySegment target) throws IOException {
        if (fails) {
          fails = false;
          at += target.byteSize();
          throw new IOException("lost");
        }
        for (long i = 0; i < target.byteSize(); i++) {
          target.set(ValueLayout.JAVA_BYTE, i, (byte) ((at + i) / 7));
        }
        at += target.byteSize();
      }

      @Override
      public void close() {}
    };
  }

  private static byte[] read(HeldValues values, long position) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(16);
      values.read(position, target);
      return target.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static byte[] expected(long position) {
    byte[] bytes = new byte[16];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) ((position + i) / 7);
    }
    return bytes;
  }

  @Test
  void whatOthersHoldIsNotHeldAgain() throws IOException {
    // Room for one of these beside what others hold.
    long others = HeldMemory.most() - BYTES - BYTES / 2;
    assertTrue(HeldMemory.reserve(others), "nothing else is open");
    try (HeldValues second = values("second")) {
      try (HeldValues first = values("first")) {
        for (long position : new long[] {BYTES - 16, 0, 4096}) {
          assertArrayEquals(expected(position), read(first, position));
        }
        assertEquals(1, passes, "held");
        for (long position : new long[] {0, 4096, BYTES - 16, 32}) {
          assertArrayEquals(expected(position), read(second, position));
        }
        assertEquals(3, passes, "from front to back, and once more");
        IOException refused =
            assertThrows(
                BadFileException.class,
                () -> {
                  for (int i = 0; i < 100; i++) {
                    read(second, 0);
                  }
                });
        assertTrue(refused.getMessage().contains("with other open files"), refused.getMessage());
        assertFalse(HeldMemory.reserve(BYTES), "the first one's bytes count");
      }
      assertArrayEquals(expected(BYTES - 16), read(second, BYTES - 16)); // now there is room
      int before = passes;
      assertArrayEquals(expected(0), read(second, 0));
      assertEquals(before, passes, "held");
    } finally {
      HeldMemory.release(others);
    }
    assertTrue(HeldMemory.reserve(HeldMemory.most()), "all was given back");
    HeldMemory.release(HeldMemory.most());
    assertFalse(HeldMemory.reserve(HeldMemory.most() + 1));
    assertThrows(IllegalArgumentException.class, () -> HeldMemory.reserve(-1));
  }

  /** How far a decoder came that failed is not known: reading on would give the wrong values. */
  @Test
  void aReadAfterOneThatFailedStartsAnew() throws IOException {
    long others = HeldMemory.most() - BYTES / 2;
    assertTrue(HeldMemory.reserve(others));
    try (HeldValues values = values("one")) {
      assertArrayEquals(expected(0), read(values, 0));
      fails = true;
      assertThrows(IOException.class, () -> read(values, 16));
      assertArrayEquals(expected(16), read(values, 16));
      assertEquals(2, passes);
    } finally {
      HeldMemory.release(others);
    }
  }

  @Test
  void closingTwiceGivesBackOnce() throws IOException {
    HeldValues values = values("one");
    read(values, 0);
    values.close();
    values.close();
    assertTrue(HeldMemory.reserve(HeldMemory.most()));
    assertFalse(HeldMemory.reserve(1), "given back twice");
    HeldMemory.release(HeldMemory.most());
    assertThrows(IllegalStateException.class, () -> read(values, 0));
  }
}
