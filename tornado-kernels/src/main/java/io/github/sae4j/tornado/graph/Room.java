package io.github.sae4j.tornado.graph;

/**
 * Sizes that single kernels are compiled for. What differs from call to call (the number of codes,
 * of dead latents, of their codes) is rounded up, so that calls of about the same size share a
 * compiled kernel: compiling takes some hundred times as long as running it.
 */
public final class Room {
  private static final int LEAST = 16;

  /** From here on arrays are longer by an eighth at most, below by half: they are cheap to send. */
  private static final int LARGE = 1 << 12;

  private Room() {}

  /**
   * The size that a kernel is compiled for.
   *
   * @param count number of elements, rows or codes
   * @return the same or more
   */
  public static int of(int count) {
    int grain = Math.max(LEAST, Integer.highestOneBit(count) / (count < LARGE ? 2 : 8));
    return (int) Math.min(Integer.MAX_VALUE - 8L, Math.ceilDiv((long) count, grain) * grain);
  }
}
