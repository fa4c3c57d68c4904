package io.github.sae4j.tornado;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Supplier;

/** Compiled kernels by shape; those not used for longest go when there are too many or too big. */
final class LaunchCache implements AutoCloseable {
  private static final int MOST = 64;
  private static final long MOST_BYTES = 1L << 29;

  private final LinkedHashMap<List<Object>, Launch> launches = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * A kernel.
   *
   * @param key its name and shape
   * @param compile makes it
   * @return the kernel; valid until the next call
   */
  Launch get(List<Object> key, Supplier<Launch> compile) {
    Launch known = launches.get(key);
    if (known != null) {
      return known;
    }
    Launch made = compile.get();
    evictFor(made.bytes());
    launches.put(key, made);
    return made;
  }

  private void evictFor(long newcomer) {
    long bytes = newcomer + launches.values().stream().mapToLong(Launch::bytes).sum();
    Iterator<Launch> oldest = launches.values().iterator();
    while (oldest.hasNext() && (bytes > MOST_BYTES || launches.size() >= MOST)) {
      Launch launch = oldest.next();
      bytes -= launch.bytes();
      oldest.remove();
      launch.close();
    }
  }

  /** Frees all; the cache may be used again. */
  @Override
  public void close() {
    launches.values().forEach(Launch::close);
    launches.clear();
  }
}
