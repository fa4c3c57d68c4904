package io.github.sae4j.lucene;

import java.io.IOException;
import java.util.Objects;
import org.apache.lucene.document.FeatureField;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.ConstantScoreQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.MatchNoDocsQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;

/**
 * Queries over one field of {@link FeatureVectorField}. They are Lucene's own: a disjunction of
 * linear feature queries, which block-max scoring skips through, so they combine with filters and
 * with full-text queries like any other.
 *
 * <p>The score of {@link #similar} is the sum over the query's features of the query's weight times
 * the document's: the dot product of the codes, up to the rounding of the index's weights.
 */
public final class FeatureQueries {
  /** {@code FeatureField} takes weights of a query up to this. */
  private static final float MOST_WEIGHT = 64;

  private final String field;

  /**
   * Queries over a field.
   *
   * @param field the name that the field was indexed with
   */
  public FeatureQueries(String field) {
    this.field = Objects.requireNonNull(field, "field");
  }

  /**
   * Documents by the dot product of their codes with a code.
   *
   * @param code the query's code; without features nothing matches
   * @return the query
   * @throws IllegalArgumentException if it has more features than {@link
   *     IndexSearcher#getMaxClauseCount}; see {@link FeatureVector#strongest}
   */
  public Query similar(FeatureVector code) {
    if (code.size() == 0) {
      return new MatchNoDocsQuery("the code has no features");
    }
    if (code.size() > IndexSearcher.getMaxClauseCount()) {
      throw new IllegalArgumentException(
          "code: expected at most "
              + IndexSearcher.getMaxClauseCount()
              + " features (IndexSearcher.setMaxClauseCount), got "
              + code.size());
    }
    BooleanQuery.Builder sum = new BooleanQuery.Builder();
    for (int i = 0; i < code.size(); i++) {
      sum.add(linear(code.feature(i), code.weight(i)), BooleanClause.Occur.SHOULD);
    }
    return sum.build();
  }

  /**
   * Documents like one that is in the index, which is itself the first of them.
   *
   * @param reader the index
   * @param stored the field of {@link FeatureVectorField#stored}
   * @param doc the document's number in the index
   * @param mostFeatures how many of its strongest features to look for, at least 1
   * @return the query
   * @throws IllegalArgumentException if there is no such document, or it has no code
   * @throws IOException if reading fails
   */
  public Query moreLikeThis(IndexReader reader, String stored, int doc, int mostFeatures)
      throws IOException {
    FeatureVector code =
        StoredVectors.of(reader, stored, doc)
            .orElseThrow(
                () -> new IllegalArgumentException("doc: " + doc + " has no code in " + stored));
    return similar(code.strongest(mostFeatures));
  }

  /**
   * Documents in which a feature is active, all with the same score; for filters.
   *
   * @param feature the latent
   * @return the query
   */
  public Query has(int feature) {
    return new ConstantScoreQuery(new TermQuery(new Term(field, Features.name(feature))));
  }

  /**
   * Narrows a query to documents in which a feature is active. Scores do not change.
   *
   * @param query what to search
   * @param feature the latent
   * @return the query
   */
  public Query only(Query query, int feature) {
    return new BooleanQuery.Builder()
        .add(query, BooleanClause.Occur.MUST)
        .add(has(feature), BooleanClause.Occur.FILTER)
        .build();
  }

  /**
   * Leaves out documents in which a feature is active. Scores do not change.
   *
   * @param query what to search
   * @param feature the latent
   * @return the query
   */
  public Query without(Query query, int feature) {
    return new BooleanQuery.Builder()
        .add(query, BooleanClause.Occur.MUST)
        .add(has(feature), BooleanClause.Occur.MUST_NOT)
        .build();
  }

  /**
   * Raises documents by a feature: the weight times the document's is added to the score. The
   * query's hits stay the same.
   *
   * @param query what to search
   * @param feature the latent
   * @param weight a normal float above 0
   * @return the query
   * @throws IllegalArgumentException if the weight is not such
   */
  public Query boosted(Query query, int feature, float weight) {
    if (!FeatureWeight.isWeight(weight)) {
      throw new IllegalArgumentException("weight: expected a normal float above 0, got " + weight);
    }
    return new BooleanQuery.Builder()
        .add(query, BooleanClause.Occur.MUST)
        .add(linear(feature, weight), BooleanClause.Occur.SHOULD)
        .build();
  }

  /** A weight times the document's, whatever FeatureField's bound. */
  private Query linear(int feature, float weight) {
    if (weight <= MOST_WEIGHT) {
      return FeatureField.newLinearQuery(field, Features.name(feature), weight);
    }
    return new BoostQuery(FeatureField.newLinearQuery(field, Features.name(feature), 1), weight);
  }
}
