package org.example.search;

import java.util.Comparator;
import java.util.Set;
import java.util.stream.IntStream;

/** How good an order of documents is. */
final class Ranking {
  static final int DEPTH = 10;

  private Ranking() {}

  /** nDCG@10 of documents that are relevant or not. */
  static double ndcg(int[] ranked, Set<Integer> relevant) {
    double gain = 0;
    double ideal = 0;
    for (int i = 0; i < DEPTH; i++) {
      double discount = Math.log(2) / Math.log(i + 2);
      if (i < ranked.length && relevant.contains(ranked[i])) {
        gain += discount;
      }
      if (i < relevant.size()) {
        ideal += discount;
      }
    }
    return gain / ideal;
  }

  /** Share of the first ten of one order that are among the first ten of another. */
  static double recall(int[] found, int[] wanted) {
    int depth = Math.min(DEPTH, wanted.length);
    long hits =
        IntStream.range(0, depth)
            .filter(i -> IntStream.of(found).limit(DEPTH).anyMatch(doc -> doc == wanted[i]))
            .count();
    return (double) hits / depth;
  }

  /** The documents nearest to a vector of length 1, all of them looked at. */
  static int[] exact(float[] query, float[][] documents, int count) {
    double[] scores = new double[documents.length];
    for (int doc = 0; doc < documents.length; doc++) {
      scores[doc] = dot(query, documents[doc]);
    }
    return best(IntStream.range(0, documents.length).toArray(), scores, count);
  }

  /**
   * Sorts candidates by score.
   *
   * @param candidates documents
   * @param scores one for each
   */
  static int[] best(int[] candidates, double[] scores, int count) {
    return IntStream.range(0, candidates.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -scores[i]))
        .limit(count)
        .mapToInt(i -> candidates[i])
        .toArray();
  }

  static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  static double cosine(float[] a, float[] b) {
    return dot(a, b) / Math.sqrt(Math.max(dot(a, a) * dot(b, b), Double.MIN_NORMAL));
  }
}
