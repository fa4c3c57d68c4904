package io.github.sae4j.format;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much of what files hold compressed or as text may be kept decoded, so that it can be read in
 * any order: one bound for all open files of all formats of this JVM. Whoever keeps values reserves
 * their bytes first, and reads from front to back where they are refused.
 */
public final class HeldMemory {
  /** The system property that sets the bound, in bytes. */
  public static final String PROPERTY = "sae4j.npzInflateBytes";

  private static final long MOST = Long.getLong(PROPERTY, 1L << 30);
  private static final AtomicLong HELD = new AtomicLong();

  private HeldMemory() {}

  /**
   * The bound.
   *
   * @return bytes that all open files may hold together; 1 GiB unless the property says otherwise
   */
  public static long most() {
    return MOST;
  }

  /**
   * Reserves memory, if there is room.
   *
   * @param bytes how much, at least 0
   * @return false, with nothing reserved, if all files together would hold more than the bound
   */
  public static boolean reserve(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("bytes: expected at least 0, got " + bytes);
    }
    long before;
    do {
      before = HELD.get();
      if (bytes > MOST - before) {
        return false;
      }
    } while (!HELD.compareAndSet(before, before + bytes));
    return true;
  }

  /**
   * Gives back what was reserved.
   *
   * @param bytes as they were reserved
   */
  public static void release(long bytes) {
    HELD.addAndGet(-bytes);
  }
}
