package io.github.sae4j.numerics;

/**
 * The order of the rows in one epoch: a permutation of {@code [0, rows)} that depends on (seed,
 * epoch) alone and is computable at any position, with no table and no replay.
 *
 * <p>A Feistel network of {@value #ROUNDS} rounds (Black and Rogaway, "Ciphers with arbitrary
 * finite domains", 2002) permutes {@code [0, 2^b)}, the smallest such range that holds the rows;
 * results outside {@code [0, rows)} are permuted again until they fall inside, less than twice on
 * average. The upper {@code floor(b / 2)} and the lower {@code ceil(b / 2)} bits change in turn,
 * the upper first: each is xored with the lowest bits of SplitMix64's finaliser on the other half
 * plus the round's key. The keys are numbers {@code ROUNDS epoch + round} of {@link
 * RandomPurpose#SHUFFLE}.
 */
public final class RowOrder {
  /** More than the four that suffice for large ranges: with few rows the halves have few bits. */
  private static final int ROUNDS = 6;

  private final long rows;
  private final int lowBits;
  private final long lowMask;
  private final long highMask;
  private final long[] keys = new long[ROUNDS];

  /**
   * The order of one epoch.
   *
   * @param seed the shuffle's seed
   * @param epoch number of the epoch, from 0
   * @param rows number of rows, in {@code [1, 2^62]}
   * @throws IllegalArgumentException if a number is out of range
   */
  public RowOrder(long seed, long epoch, long rows) {
    if (epoch < 0) {
      throw new IllegalArgumentException("epoch: expected at least 0, got " + epoch);
    }
    if (rows < 1 || rows > 1L << 62) {
      throw new IllegalArgumentException("rows: expected 1 to 2^62, got " + rows);
    }
    this.rows = rows;
    int bits = Long.SIZE - Long.numberOfLeadingZeros(rows - 1);
    lowBits = bits - bits / 2;
    lowMask = (1L << lowBits) - 1;
    highMask = (1L << bits / 2) - 1;
    CounterRandom random = new CounterRandom(seed, RandomPurpose.SHUFFLE);
    for (int round = 0; round < ROUNDS; round++) {
      keys[round] = random.bits(epoch * ROUNDS + round);
    }
  }

  /**
   * The row at a position.
   *
   * @param position in {@code [0, rows)}
   * @return a row in {@code [0, rows)}, another for every position
   * @throws IndexOutOfBoundsException if the position is out of range
   */
  public long at(long position) {
    if (position < 0 || position >= rows) {
      throw new IndexOutOfBoundsException("position " + position + " is outside [0, " + rows + ")");
    }
    long value = position;
    do {
      value = permute(value);
    } while (value >= rows);
    return value;
  }

  private long permute(long value) {
    long high = value >>> lowBits;
    long low = value & lowMask;
    for (int round = 0; round < ROUNDS; round += 2) {
      high ^= CounterRandom.mix(low + keys[round]) & highMask;
      low ^= CounterRandom.mix(high + keys[round + 1]) & lowMask;
    }
    return high << lowBits | low;
  }
}
