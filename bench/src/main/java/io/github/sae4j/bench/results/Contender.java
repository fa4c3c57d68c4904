package io.github.sae4j.bench.results;

/**
 * Something to time.
 *
 * @param name its name in tables, unique within a run
 * @param threads threads it uses
 * @param warmups untimed runs before the first round, at least
 * @param warmSeconds time of the untimed runs, at least
 * @param body one run
 */
public record Contender(String name, int threads, int warmups, double warmSeconds, Runnable body) {
  public Contender(String name, int threads, int warmups, Runnable body) {
    this(name, threads, warmups, 0, body);
  }

  /** Runs untimed, until enough. */
  public void warmUp() {
    long start = System.nanoTime();
    for (int i = 0; i < warmups || (System.nanoTime() - start) * 1e-9 < warmSeconds; i++) {
      body.run();
    }
  }
}
