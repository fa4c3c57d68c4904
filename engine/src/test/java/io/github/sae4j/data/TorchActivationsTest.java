package io.github.sae4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.HeldMemory;
import io.github.sae4j.internal.tensors.HandMadePickle;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Activations, masks and tokens as torch.save writes them. */
class TorchActivationsTest {
  @TempDir Path folder;

  /** Numbers from {@code first} on, as f32. */
  private static byte[] floats(int first, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putFloat(first + i);
    }
    return bytes.array();
  }

  private static byte[] bare(String type, byte[] storage, long[] shape, long[] strides) {
    long elements = 1;
    for (long size : shape) {
      elements *= size;
    }
    byte[] pickle = new HandMadePickle().tensor(type, "0", elements, 0, shape, strides).end();
    return HandMadePickle.archive(pickle, storage);
  }

  private static long[] of(long... values) {
    return values;
  }

  private Path write(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private static ActivationFiles open(Path spec) throws IOException {
    return ActivationFiles.open(List.of(spec.toString()), Optional.empty());
  }

  private static String refusal(Path spec) {
    return assertThrows(BadFileException.class, () -> open(spec).close()).getMessage();
  }

  @Test
  void shardsOfBareTensorsAreReadInOrderAndInAnyOrder() throws IOException {
    write("a.pt", bare("FloatStorage", floats(0, 12), of(3, 4), of(4, 1)));
    write("b.pth", bare("FloatStorage", floats(12, 24), of(2, 3, 4), of(12, 4, 1)));
    // Stored column by column: element (i, j) is 36 + i + 2 j.
    write("c.PT", bare("FloatStorage", floats(36, 8), of(2, 4), of(1, 2)));
    try (ActivationFiles files = open(folder);
        OffHeap memory = new OffHeap()) {
      files.expectAnyOrder();
      assertEquals(11, files.rows());
      assertEquals(Optional.empty(), files.tensorName());
      Matrix x = memory.matrix(11, 4);
      files.readRange(0, 11, x);
      for (int row = 0; row < 9; row++) {
        assertEquals(4f * row + 3, x.get(row, 3), "row " + row);
      }
      assertEquals(37f + 2 * 3, x.get(10, 3));
      files.read(new long[] {10, 4, 0}, 3, x);
      assertEquals(37f, x.get(0, 0));
      assertEquals(16f, x.get(1, 0));
      assertEquals(0f, x.get(2, 0));
    }
  }

  /** Views that are held in memory share the bound of all that is held. */
  @Test
  void aViewIsHeldBesideWhatOthersHoldOrRefused() throws IOException {
    // Neither row by row nor column by column: element (i, j, k) is 36 + i + 4 j + 2 k.
    write("c.pt", bare("FloatStorage", floats(36, 8), of(2, 2, 2), of(1, 4, 2)));
    try (ActivationFiles files = open(folder);
        OffHeap memory = new OffHeap()) {
      Matrix x = memory.matrix(4, 2);
      assertTrue(HeldMemory.reserve(HeldMemory.most()), "nothing else is open");
      try {
        var e = assertThrows(BadFileException.class, () -> files.readRange(0, 4, x));
        assertTrue(e.getMessage().contains("32 bytes, with other open files"), e.getMessage());
      } finally {
        HeldMemory.release(HeldMemory.most());
      }
      files.readRange(0, 4, x);
      assertEquals(43f, x.get(3, 1));
      assertFalse(HeldMemory.reserve(HeldMemory.most()), "the view's bytes count");
    }
    assertTrue(HeldMemory.reserve(HeldMemory.most()), "and are given back");
    HeldMemory.release(HeldMemory.most());
  }

  @Test
  void aTensorOfTheUsualNameThatCannotBeReadIsAnErrorWhateverLiesBeside() throws IOException {
    byte[] pickle =
        new HandMadePickle()
            .op('}')
            .text("activations")
            .tensor("CharStorage", "0", 12, 0, of(3, 4), of(4, 1))
            .op('s')
            .text("scale")
            .tensor("FloatStorage", "1", 3, 0, of(3, 1), of(1, 1))
            .op('s')
            .end();
    Path file = write("q.pt", HandMadePickle.archive(pickle, new byte[12], floats(0, 3)));
    String message = refusal(file);
    assertTrue(message.contains("'activations' CharStorage [3, 4]"), message);
    Path bare = write("r.pt", bare("CharStorage", new byte[12], of(3, 4), of(4, 1)));
    message = refusal(bare);
    assertTrue(message.contains("CharStorage [3, 4]"), message);
  }

  @Test
  void tokensBesideShardsAreLeftOutAndMasksAreRead() throws IOException {
    write("a.pt", bare("FloatStorage", floats(0, 12), of(3, 4), of(4, 1)));
    write("tokens.pt", bare("LongStorage", new byte[24], of(3), of(1)));
    write("bytes.pt", bare("CharStorage", new byte[3], of(3), of(1)));
    try (ActivationFiles files = open(folder)) {
      assertEquals(3, files.rows());
      assertEquals(2, files.leftOut().size());
    }
    Path mask = write("m.pt", bare("BoolStorage", new byte[] {0, 1, 0}, of(3), of(1)));
    assertEquals(2, RowMask.read(mask, 3).keptRows());
  }

  @Test
  void whatIsNoActivationsInAFolderIsRefusedWithTheWayOut() throws IOException {
    write("a.pt", bare("FloatStorage", floats(0, 12), of(3, 4), of(4, 1)));
    write("optimizer.pt", HandMadePickle.archive(new HandMadePickle().op('}').end()));
    String message = refusal(folder);
    assertTrue(message.contains("optimizer.pt: "), message);
    assertTrue(message.contains("give a glob or name them"), message);
  }

  @Test
  void aTornFileIsCalledOneOfTorch() throws IOException {
    byte[] whole = bare("FloatStorage", floats(0, 12), of(3, 4), of(4, 1));
    Path torn = write("torn.pt", Arrays.copyOf(whole, whole.length / 2));
    String message = refusal(torn);
    assertTrue(message.contains("torch.save"), message);
  }
}
