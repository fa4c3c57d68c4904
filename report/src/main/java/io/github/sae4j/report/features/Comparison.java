package io.github.sae4j.report.features;

import io.github.sae4j.sae.SparseAutoencoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Two dictionaries matched by the cosine of their decoder directions: what of one is found again in
 * the other, trained with another seed, say.
 */
final class Comparison {
  /** Cosines from which a latent counts as found again. */
  static final double[] THRESHOLDS = {0.5, 0.7, 0.9};

  final int[] best;
  final float[] cosines;
  private final boolean[] mutual;
  private final boolean[] asked;

  private Comparison(int latents) {
    best = new int[latents];
    cosines = new float[latents];
    mutual = new boolean[latents];
    asked = new boolean[latents];
    Arrays.fill(best, -1);
  }

  /**
   * Matches.
   *
   * @param sae one dictionary
   * @param latents those of it that are looked for, the ones that fire
   * @param other the other, of the same width
   */
  static Comparison of(SparseAutoencoder sae, int[] latents, SparseAutoencoder other) {
    Comparison found = new Comparison(sae.config().dSae());
    Directions.find(
        other,
        1,
        sae,
        latents,
        (place, nearest) -> {
          found.asked[latents[place]] = true;
          found.best[latents[place]] = nearest.latents()[0];
          found.cosines[latents[place]] = nearest.cosines()[0];
        });
    int[] back = Arrays.stream(latents).map(i -> found.best[i]).distinct().sorted().toArray();
    Directions.find(
        sae,
        1,
        other,
        back,
        (place, nearest) -> {
          int i = nearest.latents()[0];
          found.mutual[i] |= found.best[i] == back[place];
        });
    return found;
  }

  boolean mutual(int latent) {
    return mutual[latent];
  }

  /** The shares for the page. */
  Map<String, Object> toMap(String name, int otherLatents) {
    int count = 0;
    double sum = 0;
    int pairs = 0;
    int[] above = new int[THRESHOLDS.length];
    long[] bins = new long[40];
    for (int i = 0; i < best.length; i++) {
      if (!asked[i]) {
        continue;
      }
      count++;
      sum += cosines[i];
      pairs += mutual[i] ? 1 : 0;
      bins[Math.clamp((int) (cosines[i] * bins.length), 0, bins.length - 1)]++;
      for (int t = 0; t < THRESHOLDS.length; t++) {
        above[t] += cosines[i] >= THRESHOLDS[t] ? 1 : 0;
      }
    }
    List<Object> shares = new ArrayList<>();
    for (int t = 0; t < THRESHOLDS.length; t++) {
      Map<String, Object> share = new LinkedHashMap<>();
      share.put("cosine", THRESHOLDS[t]);
      share.put("share", count == 0 ? null : (double) above[t] / count);
      shares.add(share);
    }
    List<Object> edges = new ArrayList<>();
    List<Object> counts = new ArrayList<>();
    for (int i = 0; i < bins.length; i++) {
      edges.add((double) i / bins.length);
      counts.add(bins[i]);
    }
    edges.add(1.0);
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("name", name);
    map.put("latents", otherLatents);
    map.put("compared", count);
    map.put("mean_cosine", count == 0 ? null : sum / count);
    map.put("mutual", count == 0 ? null : (double) pairs / count);
    map.put("shares", shares);
    map.put("histogram", Map.of("edges", edges, "counts", counts));
    return map;
  }
}
