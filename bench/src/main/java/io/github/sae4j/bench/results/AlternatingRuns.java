package io.github.sae4j.bench.results;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times contenders side by side: every round runs each of them once, so that disturbances affect
 * all alike. A pause before each run lets the threads of the previous one go to sleep (MKL's spin
 * for 0.2 s). Short bodies repeat until a sample is long enough to time.
 *
 * @param rounds samples of each contender
 * @param pauseMillis pause before each sample
 * @param sampleSeconds shortest sample
 */
public record AlternatingRuns(int rounds, int pauseMillis, double sampleSeconds) {
  /**
   * Warms up and times.
   *
   * @param contenders the contenders
   * @return timings by name, in the order given
   */
  public Map<String, Timing> time(List<Contender> contenders) {
    Map<String, Timing> timings = new LinkedHashMap<>();
    for (Contender contender : contenders) {
      contender.warmUp();
      Timing timing = new Timing(contender.name(), contender.threads(), new double[rounds]);
      if (timings.put(contender.name(), timing) != null) {
        throw new IllegalArgumentException("contenders: two are named " + contender.name());
      }
    }
    for (int round = 0; round < rounds; round++) {
      List<Contender> order = new ArrayList<>(contenders);
      // The order rotates, so that no contender always runs after the same one.
      java.util.Collections.rotate(order, round);
      for (Contender contender : order) {
        timings.get(contender.name()).seconds()[round] = sample(contender.body());
      }
    }
    return timings;
  }

  private double sample(Runnable body) {
    try {
      Thread.sleep(pauseMillis);
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted between two runs", e);
    }
    long start = System.nanoTime();
    int runs = 0;
    double seconds;
    do {
      body.run();
      runs++;
      seconds = (System.nanoTime() - start) * 1e-9;
    } while (seconds < sampleSeconds);
    return seconds / runs;
  }
}
