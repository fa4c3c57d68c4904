package io.github.sae4j.bench.probes;

import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * How fast memory can be updated in place, as an optimizer does: three streams are read, changed
 * and written, each thread its own contiguous part.
 */
public final class UpdateBandwidth {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int RUN = 128 * 1024;

  private UpdateBandwidth() {}

  /** Bytes that one {@link #run} reads and writes. */
  public static double bytes(Matrix one) {
    return 3 * 2.0 * Float.BYTES * one.size();
  }

  /**
   * Negates three matrices of the same size.
   *
   * @param a a whole number of vectors
   * @param b of the same size
   * @param c of the same size
   * @param threads how many at once
   */
  public static void run(Matrix a, Matrix b, Matrix c, int threads) {
    long bytes = Float.BYTES * a.size();
    long vector = (long) SPECIES.length() * Float.BYTES;
    Parallel.run(
        threads,
        index -> {
          long from = bytes / vector * index / threads * vector;
          long to = bytes / vector * (index + 1) / threads * vector;
          for (long at = from; at < to; at += RUN) {
            long end = Math.min(to, at + RUN);
            negate(a.segment(), b.segment(), c.segment(), at, end);
          }
        });
  }

  private static void negate(
      MemorySegment a, MemorySegment b, MemorySegment c, long from, long to) {
    int vector = SPECIES.length() * Float.BYTES;
    for (long at = from; at < to; at += vector) {
      negate(a, at);
      negate(b, at);
      negate(c, at);
    }
  }

  private static void negate(MemorySegment segment, long at) {
    FloatVector.fromMemorySegment(SPECIES, segment, at, ORDER)
        .neg()
        .intoMemorySegment(segment, at, ORDER);
  }
}
