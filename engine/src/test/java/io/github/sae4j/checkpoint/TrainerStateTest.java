package io.github.sae4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.step.TrainingState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerStateTest {
  private static final TrainerState STATE =
      new TrainerState(
          17,
          3_000_000_000L,
          3_000_000_001L,
          0.1f,
          1 / 3.0,
          12345678901L,
          Map.of("lr", 3e-4, "recipe", "saelens"),
          Map.of("rows", 200000L),
          Map.of("note", "kept"));

  @TempDir Path temp;

  @Test
  void everyBitComesBack() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      TrainingState tensors = random(memory, 5, 13);
      // Values that a detour through text or double arithmetic would lose.
      tensors.wEnc().set(0, 0, -0f);
      tensors.parameter("W_enc").m().set(0, 0, Float.MIN_NORMAL);
      tensors.parameter("W_enc").v().set(0, 0, Float.MIN_VALUE);
      tensors.sinceFired()[3] = Long.MAX_VALUE;
      long[] window = {1, 2, 3};
      STATE.write(temp, tensors, Map.of("window", window));

      assertTrue(TrainerState.isIn(temp));
      assertEquals(STATE, TrainerState.read(temp));
      TrainingState again = TrainingState.allocate(memory, 5, 13);
      long[] windowAgain = new long[3];
      TrainerState.readTensors(temp, again, Map.of("window", windowAgain));
      for (int i = 0; i < tensors.tensors().size(); i++) {
        MemorySegment expected = tensors.tensors().get(i).matrix().segment();
        assertEquals(-1, expected.mismatch(again.tensors().get(i).matrix().segment()));
      }
      assertArrayEquals(tensors.sinceFired(), again.sinceFired());
      assertArrayEquals(window, windowAgain);
    }
  }

  @Test
  void aStateOfAnotherShapeIsRefused() throws IOException {
    try (OffHeap memory = new OffHeap()) {
      STATE.write(temp, random(memory, 5, 13), Map.of());
      TrainingState wider = TrainingState.allocate(memory, 6, 13);
      assertBad("W_enc: expected shape [13, 6]", wider, Map.of());
      TrainingState same = TrainingState.allocate(memory, 5, 13);
      assertBad("expected a tensor 'counter.window'", same, Map.of("window", new long[2]));
    }
  }

  @Test
  void aMalformedStateIsRefused() throws IOException {
    assertFalse(TrainerState.isIn(temp));
    assertThrows(BadFileException.class, () -> TrainerState.read(temp));
    Path file = temp.resolve("trainer_state.json");
    for (String text : new String[] {"", "{}", "[]", "{\"trainer_state_version\": 2}"}) {
      Files.writeString(file, text);
      assertThrows(BadFileException.class, () -> TrainerState.read(temp));
    }
  }

  private void assertBad(String complaint, TrainingState into, Map<String, long[]> counters) {
    String message =
        assertThrows(BadFileException.class, () -> TrainerState.readTensors(temp, into, counters))
            .getMessage();
    assertTrue(message.contains(complaint), message);
  }

  private static TrainingState random(OffHeap memory, int d, int n) {
    Random random = new Random(4);
    TrainingState state = TrainingState.allocate(memory, d, n);
    for (TrainingState.Named tensor : state.tensors()) {
      Matrix m = tensor.matrix();
      for (int r = 0; r < m.rows(); r++) {
        for (int c = 0; c < m.cols(); c++) {
          m.set(r, c, (float) random.nextGaussian());
        }
      }
    }
    for (int i = 0; i < n; i++) {
      state.sinceFired()[i] = random.nextLong() >>> 1;
    }
    return state;
  }
}
