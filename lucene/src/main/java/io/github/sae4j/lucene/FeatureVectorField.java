package io.github.sae4j.lucene;

import java.util.Objects;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tokenattributes.TermFrequencyAttribute;
import org.apache.lucene.document.BinaryDocValuesField;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.index.IndexOptions;

/**
 * A whole sparse code as one field: what one {@code FeatureField} a latent would index, in a single
 * token stream, with weights rounded instead of cut off. Lucene's own queries for {@code
 * FeatureField} read it. The name of a feature is its latent's number.
 *
 * <p>A field may be used again for the next document: {@link #setVector}.
 */
public final class FeatureVectorField extends Field {
  private static final FieldType TYPE = new FieldType();

  static {
    TYPE.setTokenized(false);
    TYPE.setOmitNorms(true);
    TYPE.setIndexOptions(IndexOptions.DOCS_AND_FREQS);
    TYPE.freeze();
  }

  private FeatureVector vector;

  /**
   * A field.
   *
   * @param name the field's name
   * @param vector the code
   */
  public FeatureVectorField(String name, FeatureVector vector) {
    super(name, TYPE);
    setVector(vector);
  }

  /**
   * Sets the code of the next document.
   *
   * @param next the code
   */
  public void setVector(FeatureVector next) {
    vector = Objects.requireNonNull(next, "vector");
    fieldsData = next; // Lucene asks whether there is a value
  }

  /**
   * The code beside the postings, from which it is had back by document: for more-like-this, for
   * re-ranking and for {@link Contributions}. It takes 3 to 4 bytes a feature and holds the weights
   * that the postings hold.
   *
   * @param name the field's name, which may be that of the postings
   * @param vector the code
   * @return a field with doc values
   */
  public static Field stored(String name, FeatureVector vector) {
    return new BinaryDocValuesField(name, StoredVectors.encode(vector));
  }

  @Override
  public TokenStream tokenStream(Analyzer analyzer, TokenStream reuse) {
    FeatureTokenStream stream =
        reuse instanceof FeatureTokenStream again ? again : new FeatureTokenStream();
    stream.vector = vector;
    return stream;
  }

  /** One token a feature; its frequency is the weight. */
  private static final class FeatureTokenStream extends TokenStream {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private final TermFrequencyAttribute frequency = addAttribute(TermFrequencyAttribute.class);
    private FeatureVector vector;
    private int next;

    @Override
    public boolean incrementToken() {
      if (next == vector.size()) {
        return false;
      }
      clearAttributes();
      term.append(Features.name(vector.feature(next)));
      frequency.setTermFrequency(FeatureWeight.frequency(vector.weight(next)));
      next++;
      return true;
    }

    @Override
    public void reset() {
      next = 0;
    }
  }
}
