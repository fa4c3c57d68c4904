package io.github.sae4j.report.features;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongPredicate;

/** The codes of some consecutive rows, of which the first are dropped as later ones come. */
final class CodeWindow {
  private long first;
  private int rows;
  private int[] starts = new int[1];
  private int[] latents = new int[0];
  private float[] values = new float[0];

  /** Number of the first row that is held. */
  long first() {
    return first;
  }

  /** Number of the row after the last that is held. */
  long end() {
    return first + rows;
  }

  /** Appends rows, each after those without codes that are left out before it. */
  void append(SparseCodes codes, LongPredicate leftOut) {
    int had = starts[rows];
    int more = codes.size();
    if (latents.length < had + more) {
      int room = Math.max(had + more, latents.length + latents.length / 2);
      latents = Arrays.copyOf(latents, room);
      values = Arrays.copyOf(values, room);
    }
    MemorySegment.copy(codes.indices(), SparseCodes.INT, 0, latents, had, more);
    MemorySegment.copy(codes.values(), Matrix.FLOAT, 0, values, had, more);
    for (int row = 0; row < codes.rows(); row++) {
      while (leftOut.test(end())) {
        endRow(had + codes.start(row));
      }
      endRow(had + codes.start(row + 1));
    }
  }

  private void endRow(int end) {
    if (starts.length == rows + 1) {
      starts = Arrays.copyOf(starts, 2 * starts.length);
    }
    starts[++rows] = end;
  }

  /** Drops the rows before one that is held. */
  void dropBefore(long row) {
    int drop = (int) (row - first);
    if (drop <= 0) {
      return;
    }
    int codes = starts[drop];
    System.arraycopy(latents, codes, latents, 0, starts[rows] - codes);
    System.arraycopy(values, codes, values, 0, starts[rows] - codes);
    rows -= drop;
    for (int i = 0; i <= rows; i++) {
      starts[i] = starts[i + drop] - codes;
    }
    first = row;
  }

  int start(long row) {
    return starts[(int) (row - first)];
  }

  int[] latents() {
    return latents;
  }

  float[] values() {
    return values;
  }

  /** The activation of a latent in a row that is held; 0 where it is not active. */
  float value(long row, int latent) {
    int at = (int) (row - first);
    int found = Arrays.binarySearch(latents, starts[at], starts[at + 1], latent);
    return found < 0 ? 0 : values[found];
  }
}
