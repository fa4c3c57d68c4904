package io.github.sae4j.bench.probes;

import io.github.sae4j.memory.Matrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * How fast memory can be read: the sum of all floats of a large off-heap matrix, each thread its
 * own contiguous part, eight vectors in flight.
 */
public final class ReadBandwidth {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();
  private static final int STRIDE = 8 * LANES * Float.BYTES;
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private ReadBandwidth() {}

  /**
   * Sums a matrix.
   *
   * @param matrix a whole number of strides of 8 vectors per thread; smaller than 2 GiB
   * @param threads how many at once
   * @return the sum, in no particular order
   */
  public static float sum(Matrix matrix, int threads) {
    long part = matrix.size() * Float.BYTES / threads / STRIDE * STRIDE;
    float[] sums = new float[threads];
    Parallel.run(
        threads,
        index ->
            sums[index] = sum(matrix.segment().asSlice(index * part, part), Math.toIntExact(part)));
    float sum = 0;
    for (float one : sums) {
      sum += one;
    }
    return sum;
  }

  private static float sum(MemorySegment segment, int bytes) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    int vector = LANES * Float.BYTES;
    for (int at = 0; at < bytes; at += STRIDE) {
      s0 = s0.add(FloatVector.fromMemorySegment(SPECIES, segment, at, ORDER));
      s1 = s1.add(FloatVector.fromMemorySegment(SPECIES, segment, at + vector, ORDER));
      s2 = s2.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 2 * vector, ORDER));
      s3 = s3.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 3 * vector, ORDER));
      s4 = s4.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 4 * vector, ORDER));
      s5 = s5.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 5 * vector, ORDER));
      s6 = s6.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 6 * vector, ORDER));
      s7 = s7.add(FloatVector.fromMemorySegment(SPECIES, segment, at + 7 * vector, ORDER));
    }
    float[] lanes = new float[LANES];
    s0.add(s1).add(s2).add(s3).add(s4).add(s5).add(s6).add(s7).intoArray(lanes, 0);
    float sum = 0;
    for (float lane : lanes) {
      sum += lane;
    }
    return sum;
  }
}
