package io.github.sae4j.internal.vector.runtime;

import io.github.sae4j.numerics.OrderedSums;
import java.util.OptionalInt;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** Constants of the kernels and the two small vector idioms they share. */
public final class Vectors {
  /** The one species of this process. */
  public static final VectorSpecies<Float> SPECIES = species();

  /** Floats in a vector. */
  public static final int LENGTH = SPECIES.length();

  /** Latents (columns) in a packed panel: two vectors, so that a tile is rows x 2 vectors. */
  public static final int PANEL = 2 * LENGTH;

  /**
   * Rows of a register tile. 12 x 2 accumulators, 2 operands and a broadcast fit 32 registers. With
   * 16, C2 spills as soon as accumulators and operands come close to that number: with AVX2, 4 x 2
   * measured 87 % of the peak in a whole encode, 5 x 2 40 %.
   */
  public static final int TILE = Width.registers() >= 32 ? 12 : 4;

  /** Accumulators that together hold the 16 lanes of a row sum. */
  public static final int PARTS = OrderedSums.LANES / LENGTH;

  private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(SPECIES, 8, 1, true);
  private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(SPECIES, 4, 1, true);
  private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(SPECIES, 2, 1, true);
  private static final VectorShuffle<Float> BY_1 = VectorShuffle.iota(SPECIES, 1, 1, true);

  static {
    Width.loaded(SPECIES.vectorBitSize());
  }

  private Vectors() {}

  private static VectorSpecies<Float> species() {
    OptionalInt wish = Width.wished();
    int preferred = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    int bits = wish.isPresent() ? wish.getAsInt() : Math.min(preferred, 512);
    String problem = Width.problem(bits, preferred);
    if (problem != null) {
      throw new UnsupportedOperationException(problem);
    }
    return switch (bits) {
      case 128 -> FloatVector.SPECIES_128;
      case 256 -> FloatVector.SPECIES_256;
      default -> FloatVector.SPECIES_512;
    };
  }

  /** Length of a scratch row: padded with zeros to whole groups of 16 lanes, so no tails. */
  public static int padded(int length) {
    return (length + OrderedSums.LANES - 1) & -OrderedSums.LANES;
  }

  /**
   * Joins the lanes of a row sum: 16 lanes as one 512-bit, two 256-bit or four 128-bit vectors, by
   * the halving tree 8, 4, 2, 1 (numerics rule 2). Unused parts are ignored.
   */
  public static float join(FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3) {
    FloatVector s;
    if (LENGTH == 16) {
      s = s0.add(s0.rearrange(BY_8));
      s = s.add(s.rearrange(BY_4));
    } else if (LENGTH == 8) {
      s = s0.add(s1);
      s = s.add(s.rearrange(BY_4));
    } else {
      s = s0.add(s2).add(s1.add(s3));
    }
    s = s.add(s.rearrange(BY_2));
    return s.add(s.rearrange(BY_1)).lane(0);
  }
}
