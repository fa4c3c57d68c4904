package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.Whitening;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WhiteningFileTest {
  @TempDir private Path folder;

  private static Whitening map(float corner) {
    return new Whitening(
        new float[] {1, 2}, new float[][] {{3, 4}, {5, corner}}, new float[][] {{7, 8}, {9, 10}});
  }

  @Test
  void whatWasWrittenIsReadAndLiesAsSaeLensHasIt() throws IOException {
    WhiteningFile.write(folder, map(6));
    Whitening read = WhiteningFile.read(folder, 2);
    try (OffHeap memory = new OffHeap()) {
      assertEquals(2, read.mean(memory).get(0, 1));
      Matrix forward = read.forward(memory);
      assertEquals(4, forward.get(0, 1));
      assertEquals(5, forward.get(1, 0));
      assertEquals(8, read.inverse(memory).get(0, 1));
    }
    // SAELens multiplies rows from the left: its matrices are the transposes.
    try (TensorFile file = TensorFile.open(folder.resolve("activation_whitening.safetensors"))) {
      assertEquals(5, second(file, "matrix"));
      assertEquals(9, second(file, "inverse_matrix"));
    }
  }

  private static float second(TensorFile file, String name) throws IOException {
    float[] values = new float[4];
    file.readFloats(file.tensor(name), 0, 4, MemorySegment.ofArray(values), 0);
    return values[1];
  }

  @Test
  void mapsThatAreNotFiniteOrOfOtherRowsAreRefused() throws IOException {
    WhiteningFile.write(folder, map(Float.NaN));
    assertThrows(BadFileException.class, () -> WhiteningFile.read(folder, 2));
    WhiteningFile.write(folder, map(6));
    assertThrows(BadFileException.class, () -> WhiteningFile.read(folder, 3));
  }
}
