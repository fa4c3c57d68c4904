package org.example.search;

import io.github.sae4j.lucene.Contributions;
import io.github.sae4j.lucene.FeatureQueries;
import io.github.sae4j.lucene.FeatureVector;
import io.github.sae4j.lucene.FeatureVectorField;
import io.github.sae4j.lucene.StoredVectors;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import org.apache.lucene.document.BinaryDocValuesField;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.FloatDocValuesField;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.index.BinaryDocValues;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.MultiDocValues;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.BytesRef;

/**
 * Documents in an inverted index of their codes. Two stages: the index finds candidates by the
 * cosine of codes; the candidates may then be ordered anew, by what their codes decode to, which
 * costs no space, or by their vectors, if those were kept.
 */
final class SparseIndex implements AutoCloseable {
  static final String FEATURES = "features";
  static final String ID = "id";
  private static final String STORED = "features.stored";
  private static final String LENGTH = "length";
  private static final String VECTOR = "vector";

  private final FSDirectory directory;
  private final DirectoryReader reader;
  private final IndexSearcher searcher;
  private final FeatureQueries queries = new FeatureQueries(FEATURES);
  private final int[] numbers;

  private SparseIndex(Path folder) throws IOException {
    directory = FSDirectory.open(folder);
    reader = DirectoryReader.open(directory);
    searcher = new IndexSearcher(reader);
    searcher.setQueryCache(null);
    numbers = new int[reader.maxDoc()];
    NumericDocValues ids = MultiDocValues.getNumericValues(reader, ID);
    for (int doc = ids.nextDoc(); doc != NumericDocValues.NO_MORE_DOCS; doc = ids.nextDoc()) {
      numbers[doc] = (int) ids.longValue();
    }
  }

  /**
   * Writes an index.
   *
   * @param folder where to; empty
   * @param codes of the documents
   * @param vectors to be kept for re-ranking, in 16 bits a value; null for none
   */
  static void write(
      Path folder, IntFunction<SparseCode> codes, int count, IntFunction<float[]> vectors)
      throws IOException {
    try (FSDirectory directory = FSDirectory.open(folder);
        IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig())) {
      for (int number = 0; number < count; number++) {
        SparseCode raw = codes.apply(number);
        FeatureVector code = unit(raw);
        Document document = new Document();
        document.add(new FeatureVectorField(FEATURES, code));
        document.add(FeatureVectorField.stored(STORED, code));
        document.add(new FloatDocValuesField(LENGTH, length(raw)));
        document.add(new NumericDocValuesField(ID, number));
        if (vectors != null) {
          document.add(new BinaryDocValuesField(VECTOR, halves(vectors.apply(number))));
        }
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
  }

  static SparseIndex open(Path folder) throws IOException {
    return new SparseIndex(folder);
  }

  /** Cosines of codes are dot products of codes of length 1. */
  static FeatureVector unit(SparseCode code) {
    return FeatureVector.unit(code.indices(), code.values());
  }

  /** Queries that may be narrowed and boosted by feature. */
  FeatureQueries queries() {
    return queries;
  }

  /** The first stage: document numbers, the nearest code first. */
  int[] search(Query query, int count) throws IOException {
    ScoreDoc[] hits = searcher.search(query, count).scoreDocs;
    int[] found = new int[hits.length];
    for (int i = 0; i < found.length; i++) {
      found[i] = numbers[hits[i].doc];
    }
    return found;
  }

  int[] search(FeatureVector code, int count) throws IOException {
    return search(queries.similar(code), count);
  }

  /** Documents like one of the index, by its strongest features. */
  int[] like(int number, int features, int count) throws IOException {
    return search(queries.moreLikeThis(reader, STORED, doc(number), features), count);
  }

  /** Both stages: candidates by code, ordered by the cosine of their vectors with the query's. */
  int[] searchDense(FeatureVector code, float[] query, int candidates, int count)
      throws IOException {
    ScoreDoc[] hits = inOrder(searcher.search(queries.similar(code), candidates).scoreDocs);
    BinaryDocValues vectors = MultiDocValues.getBinaryValues(reader, VECTOR);
    int[] found = new int[hits.length];
    double[] scores = new double[hits.length];
    float[] vector = new float[query.length];
    for (int i = 0; i < hits.length; i++) {
      vectors.advanceExact(hits[i].doc);
      floats(vectors.binaryValue(), vector);
      found[i] = numbers[hits[i].doc];
      scores[i] = Ranking.dot(query, vector);
    }
    return Ranking.best(found, scores, count);
  }

  /** Both stages, the second by what codes decode to: no vectors are kept. */
  int[] searchDecoded(
      FeatureVector code, float[] query, SparseAutoencoder sae, int candidates, int count)
      throws IOException {
    ScoreDoc[] hits = inOrder(searcher.search(queries.similar(code), candidates).scoreDocs);
    int[] found = new int[hits.length];
    double[] scores = new double[hits.length];
    for (int i = 0; i < hits.length; i++) {
      found[i] = numbers[hits[i].doc];
      scores[i] = Ranking.cosine(query, decoded(hits[i].doc, sae));
    }
    return Ranking.best(found, scores, count);
  }

  /** What a document's code decodes to: its features' directions, as strong as they were. */
  private float[] decoded(int doc, SparseAutoencoder sae) throws IOException {
    FeatureVector unit = StoredVectors.of(reader, STORED, doc).orElseThrow();
    NumericDocValues lengths = MultiDocValues.getNumericValues(reader, LENGTH);
    lengths.advanceExact(doc);
    float length = Float.intBitsToFloat((int) lengths.longValue());
    float[] activations = unit.weights();
    for (int i = 0; i < activations.length; i++) {
      activations[i] *= length;
    }
    return sae.decode(new SparseCode(unit.features(), activations));
  }

  private static float length(SparseCode code) {
    double squares = 0;
    for (float value : code.values()) {
      squares += (double) value * value;
    }
    return (float) Math.sqrt(squares);
  }

  /** Why a document was found. */
  List<Contributions.Part> why(FeatureVector code, int number) throws IOException {
    return Contributions.of(code, reader, STORED, doc(number));
  }

  /** Lucene's own account of a score. */
  String explain(Query query, int number) throws IOException {
    return searcher.explain(query, doc(number)).toString();
  }

  private int doc(int number) {
    for (int doc = 0; doc < numbers.length; doc++) {
      if (numbers[doc] == number) {
        return doc;
      }
    }
    throw new IllegalArgumentException("document: none has the number " + number);
  }

  /** Doc values are read in the order of the documents. */
  private static ScoreDoc[] inOrder(ScoreDoc[] hits) {
    Arrays.sort(hits, Comparator.comparingInt(hit -> hit.doc));
    return hits;
  }

  static BytesRef halves(float[] vector) {
    ByteBuffer bytes = ByteBuffer.allocate(vector.length * Short.BYTES);
    for (float value : vector) {
      bytes.putShort(Float.floatToFloat16(value));
    }
    return new BytesRef(bytes.array());
  }

  private static void floats(BytesRef bytes, float[] vector) {
    ByteBuffer halves = ByteBuffer.wrap(bytes.bytes, bytes.offset, bytes.length);
    for (int j = 0; j < vector.length; j++) {
      vector[j] = Float.float16ToFloat(halves.getShort());
    }
  }

  @Override
  public void close() throws IOException {
    reader.close();
    directory.close();
  }
}
