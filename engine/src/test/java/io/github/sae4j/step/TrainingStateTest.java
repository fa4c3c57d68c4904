package io.github.sae4j.step;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.memory.OffHeap;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingStateTest {
  @Test
  void namesAndOrderAreThoseOfFiles() {
    try (OffHeap memory = new OffHeap()) {
      assertEquals(
          List.of(
              "W_enc", "W_dec", "b_enc", "b_dec", "W_enc.m", "W_enc.v", "W_dec.m", "W_dec.v",
              "b_enc.m", "b_enc.v", "b_dec.m", "b_dec.v"),
          names(TrainingState.allocate(memory, 3, 5)));
    }
  }

  @Test
  void anArchitectureMayHaveMoreTensors() {
    try (OffHeap memory = new OffHeap()) {
      TrainingState state =
          TrainingState.allocate(memory, 3, 5).plus(Parameter.allocate(memory, "threshold", 1, 5));
      assertEquals("threshold", names(state).get(4));
      assertTrue(names(state).containsAll(List.of("threshold.m", "threshold.v")));
      state.parameter("threshold").value().set(0, 2, 7f);
      TrainingState copy =
          TrainingState.allocate(memory, 3, 5).plus(Parameter.allocate(memory, "threshold", 1, 5));
      copy.copyFrom(state);
      assertEquals(7f, copy.parameter("threshold").value().get(0, 2));
    }
  }

  @Test
  void anUnknownTensorIsNamed() {
    try (OffHeap memory = new OffHeap()) {
      TrainingState state = TrainingState.allocate(memory, 3, 5);
      Exception e = assertThrows(IllegalArgumentException.class, () -> state.parameter("W_skip"));
      assertTrue(e.getMessage().contains("W_skip") && e.getMessage().contains("b_dec"), "" + e);
    }
  }

  private static List<String> names(TrainingState state) {
    return state.tensors().stream().map(TrainingState.Named::name).toList();
  }
}
