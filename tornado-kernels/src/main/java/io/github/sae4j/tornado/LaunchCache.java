package io.github.sae4j.tornado;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Consumer;

/**
 * Compiled kernels by shape. Those not used for longest go when there are too many, when they take
 * too much memory, or when the device has none left for what comes next.
 */
final class LaunchCache implements AutoCloseable {
  private static final int MOST = 64;
  private static final long MOST_BYTES = 1L << 29;

  private final Accelerator accelerator;
  private final LinkedHashMap<List<Object>, Launch> launches = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * An empty cache.
   *
   * @param accelerator whose kernels these are
   */
  LaunchCache(Accelerator accelerator) {
    this.accelerator = accelerator;
  }

  /**
   * A kernel.
   *
   * @param key its name and shape
   * @param tasks declares its arrays and tasks if it is not known yet
   * @return the kernel; valid until the next call
   */
  Launch get(List<Object> key, Consumer<Launch> tasks) {
    Launch known = launches.get(key);
    if (known != null) {
      return known;
    }
    Launch made = new Launch(accelerator);
    tasks.accept(made);
    // Before it is compiled, so that old and new never need memory at the same time.
    makeRoomFor(made.bytes());
    made.compile();
    launches.put(key, made);
    return made;
  }

  /**
   * Closes kernels until a newcomer fits, or none is left.
   *
   * @param newcomer its device memory in bytes
   */
  void makeRoomFor(long newcomer) {
    long bytes = newcomer + launches.values().stream().mapToLong(Launch::bytes).sum();
    Iterator<Launch> oldest = launches.values().iterator();
    while (oldest.hasNext()
        && (bytes > MOST_BYTES
            || launches.size() >= MOST
            || newcomer > KernelPlan.available(accelerator))) {
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
