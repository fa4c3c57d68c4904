package io.github.sae4j.bench.probes;

import java.util.function.IntConsumer;

/**
 * Plain threads for the probes: started and joined per call, so that no thread spins in between.
 */
public final class Parallel {
  private Parallel() {}

  /**
   * Runs a task once per thread and waits for all.
   *
   * @param threads how many; the calling thread is the first
   * @param task takes the thread's number from 0
   */
  public static void run(int threads, IntConsumer task) {
    Thread[] others = new Thread[threads - 1];
    for (int i = 0; i < others.length; i++) {
      int index = i + 1;
      others[i] = Thread.ofPlatform().start(() -> task.accept(index));
    }
    task.accept(0);
    for (Thread other : others) {
      try {
        other.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted while a probe ran", e);
      }
    }
  }
}
