package org.example.search;

import io.github.sae4j.sae.SparseCode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/** A name for each feature: the titles of the documents on which it is most active. */
final class FeatureLabels implements IntFunction<String> {
  private static final int TITLES = 3;

  private record Firing(int document, float activation) {}

  private final Map<Integer, String> labels = new HashMap<>();

  FeatureLabels(JudgedCollection collection, SparseCode[] codes) {
    Map<Integer, List<Firing>> firings = new HashMap<>();
    for (int document = 0; document < codes.length; document++) {
      for (int i = 0; i < codes[document].length(); i++) {
        firings
            .computeIfAbsent(codes[document].indices()[i], feature -> new ArrayList<>())
            .add(new Firing(document, codes[document].values()[i]));
      }
    }
    firings.forEach(
        (feature, all) -> {
          all.sort(Comparator.comparingDouble(firing -> -firing.activation()));
          List<String> titles =
              all.stream()
                  .limit(TITLES)
                  .map(firing -> collection.title(firing.document()).split(", ")[0])
                  .toList();
          labels.put(feature, String.join("; ", titles));
        });
  }

  @Override
  public String apply(int feature) {
    return labels.getOrDefault(feature, "");
  }
}
