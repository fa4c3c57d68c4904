package io.github.sae4j.sae;

import io.github.sae4j.kernels.Shapes;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;

/** Checks of arguments passed to an SAE. */
final class Arguments {
  private Arguments() {}

  static void expectRows(String name, int rows, int expected) {
    Shapes.expect(rows == expected, name, expected + " rows", rows);
  }

  static void expectLength(String name, int length, int expected) {
    if (length != expected) {
      Shapes.expect(false, name, expected + " numbers", length);
    }
  }

  static void expectFloats(String name, MemorySegment segment, int expected) {
    long bytes = (long) expected * Float.BYTES;
    if (segment.byteSize() != bytes) {
      Shapes.expect(false, name, bytes + " bytes", segment.byteSize());
    }
  }

  static void expectRoom(String name, long length, int needed) {
    if (needed < 0 || length < needed) {
      Shapes.expect(false, name, "room for " + needed + " latents", length);
    }
  }

  static void expectLatent(int latent, int dSae) {
    Shapes.expect(latent >= 0 && latent < dSae, "latent", "0 to " + (dSae - 1), latent);
  }

  static void expectAscending(int count, int[] indices, int dSae) {
    int before = -1;
    for (int slot = 0; slot < count; slot++) {
      before = next(indices[slot], before, dSae);
    }
  }

  static void expectAscending(int count, MemorySegment indices, int dSae) {
    int before = -1;
    for (int slot = 0; slot < count; slot++) {
      before = next(indices.get(SparseCodes.INT, 4L * slot), before, dSae);
    }
  }

  private static int next(int index, int before, int dSae) {
    if (index <= before || index >= dSae) {
      Shapes.expect(
          false, "indices", "ascending within [0, " + dSae + ")", index + " after " + before);
    }
    return index;
  }
}
