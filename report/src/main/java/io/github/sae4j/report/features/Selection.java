package io.github.sae4j.report.features;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Which latents the page shows, and how much of each, so that it stays small whatever the size of
 * the dictionary.
 *
 * @param latents those that it has contexts and neighbours of, the detailed ones first
 * @param detailed how many of them are shown in detail
 * @param alive how many fired at all
 */
record Selection(int[] latents, int detailed, int alive) {
  /** Latents that the page has contexts of, at most. */
  static final int MOST_LATENTS = 24_576;

  /** Places around which it shows tokens, at most. */
  static final int MOST_PLACES = 130_000;

  /** Places of a latent in brief, and in detail. */
  static final int BRIEF_PLACES = 4;

  static final int DETAILED_PLACES = Contexts.STRONGEST + 15;

  /** Firings from which a latent can be called surprising: once is an accident. */
  private static final int ENOUGH = 8;

  /**
   * Chooses.
   *
   * @param strength mean contribution of each latent where it fires {@code [d_sae]}
   * @param labelled latents that have a name
   * @param rows how many there were
   */
  static Selection of(Activity activity, float[] strength, Set<Integer> labelled, long rows) {
    int[] alive =
        IntStream.range(0, activity.fired.length).filter(i -> activity.fired[i] > 0).toArray();
    Comparator<Integer> byMass =
        Comparator.comparingDouble((Integer i) -> -activity.fired[i] * (double) strength[i])
            .thenComparing(Comparator.naturalOrder());
    Integer[] active = Arrays.stream(alive).boxed().toArray(Integer[]::new);
    Integer[] dense = active.clone();
    Integer[] surprising = active.clone();
    Arrays.sort(active, byMass);
    Arrays.sort(
        dense,
        Comparator.comparingLong((Integer i) -> -activity.fired[i])
            .thenComparing(Comparator.naturalOrder()));
    Arrays.sort(
        surprising,
        Comparator.comparingDouble((Integer i) -> -surprise(activity.fired[i], strength[i], rows))
            .thenComparing(Comparator.naturalOrder()));
    int shown = Math.min(alive.length, MOST_LATENTS);
    int detailed =
        Math.min(
            shown,
            Math.max(0, (MOST_PLACES - shown * BRIEF_PLACES) / (DETAILED_PLACES - BRIEF_PLACES)));
    Set<Integer> chosen = new LinkedHashSet<>();
    labelled.stream()
        .filter(i -> activity.fired[i] > 0)
        .sorted(byMass)
        .limit(detailed)
        .forEach(chosen::add);
    for (int i = 0; i < shown && chosen.size() < detailed; i++) {
      for (Integer[] order : List.<Integer[]>of(active, dense, surprising)) {
        if (chosen.size() < detailed) {
          chosen.add(order[i]);
        }
      }
    }
    for (int i = 0; i < alive.length && chosen.size() < shown; i++) {
      chosen.add(active[i]);
    }
    return new Selection(
        chosen.stream().mapToInt(Integer::intValue).toArray(), detailed, alive.length);
  }

  /** Strength times the bits of news that a firing is; 0 for what fired too rarely to tell. */
  static double surprise(long fired, double strength, long rows) {
    return fired < ENOUGH ? 0 : strength * -Math.log((double) fired / rows) / Math.log(2);
  }
}
