package io.github.sae4j.vector;

import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import java.lang.foreign.MemorySegment;

/** Codes of a batch on the heap, with the gradient of each and the index by latent. */
final class HeapCodes {
  final LatentIndex byLatent = new LatentIndex();
  int k;
  int[] indices = {};
  float[] values = {};
  float[] deltas = {};

  HeapCodes() {}

  /** Bytes of codes and their index by latent; 0 latents if it is never built. */
  static long bytes(long rows, long k, long latents) {
    return latents == 0 ? 12 * rows * k : 16 * rows * k + 8 * latents;
  }

  /** Makes room for a batch. */
  HeapCodes resize(int rows, int k) {
    this.k = k;
    int size = Math.multiplyExact(rows, k);
    if (indices.length < size) {
      indices = new int[size];
      values = new float[size];
      deltas = new float[size];
    }
    return this;
  }

  /**
   * Copies rows of codes out; {@code out} has as many codes a row.
   *
   * @param rows how many, from the first
   * @param out receives them
   * @param row where in {@code out} the first goes
   */
  void copyTo(int rows, SparseCodes out, int row) {
    int count = rows * k;
    long to = 4L * row * k;
    MemorySegment.copy(indices, 0, out.indices(), SparseCodes.INT, to, count);
    MemorySegment.copy(values, 0, out.values(), Matrix.FLOAT, to, count);
  }
}
