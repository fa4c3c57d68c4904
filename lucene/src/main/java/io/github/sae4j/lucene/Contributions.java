package io.github.sae4j.lucene;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntFunction;
import org.apache.lucene.index.IndexReader;

/** What the similarity of a document is due to, feature by feature. */
public final class Contributions {
  /**
   * What one feature adds.
   *
   * @param feature the latent
   * @param inQuery its weight in the query
   * @param inDocument its weight in the document, as the index holds it
   */
  public record Part(int feature, float inQuery, float inDocument) {
    /** {@return the feature's share of the score} */
    public double product() {
      return (double) inQuery * inDocument;
    }
  }

  private Contributions() {}

  /**
   * The features that a query and a document share.
   *
   * @param query the query's code
   * @param reader the index
   * @param stored the field of {@link FeatureVectorField#stored}
   * @param doc the document's number in the index
   * @return largest product first; the products add up to the score of {@link
   *     FeatureQueries#similar}
   * @throws IllegalArgumentException if there is no such document
   * @throws IOException if reading fails
   */
  public static List<Part> of(FeatureVector query, IndexReader reader, String stored, int doc)
      throws IOException {
    Optional<FeatureVector> found = StoredVectors.of(reader, stored, doc);
    List<Part> parts = new ArrayList<>();
    if (found.isPresent()) {
      for (int i = 0; i < query.size(); i++) {
        float weight = found.get().weightOf(query.feature(i));
        if (weight > 0) {
          parts.add(new Part(query.feature(i), query.weight(i), weight));
        }
      }
    }
    parts.sort(Comparator.comparingDouble(Part::product).reversed());
    return parts;
  }

  /**
   * A line for each contribution.
   *
   * @param parts what features add
   * @param labels a name for each latent; what is blank or missing is left out
   * @return for instance {@code 0.1234 = 0.41 * 0.30 feature 17, stringed instruments}
   */
  public static List<String> lines(List<Part> parts, IntFunction<String> labels) {
    return parts.stream()
        .map(
            part -> {
              String label = labels.apply(part.feature());
              return String.format(
                  Locale.ROOT,
                  "%.4f = %.4f * %.4f  feature %d%s",
                  part.product(),
                  part.inQuery(),
                  part.inDocument(),
                  part.feature(),
                  label == null || label.isBlank() ? "" : ", " + label);
            })
        .toList();
  }
}
