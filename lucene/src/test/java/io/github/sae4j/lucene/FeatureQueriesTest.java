package io.github.sae4j.lucene;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.FeatureField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.search.Explanation;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.search.TopScoreDocCollectorManager;
import org.apache.lucene.search.TotalHits;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An index of random codes, searched. */
class FeatureQueriesTest {
  private static final String FIELD = "features";
  private static final String STORED = FIELD; // postings and doc values may share a name
  private static final int DOCUMENTS = 500;
  private static final int FEATURES = 300;

  /** Each weight of the index is off by at most half of its last of 9 bits. */
  private static final double WEIGHT_ERROR = 0x1p-9;

  /** A sum of n floats, each product rounded. */
  private static final double FLOAT_ERROR = 0x1p-20;

  private final Random random = new Random(7);
  private final List<FeatureVector> codes = new ArrayList<>();
  private final FeatureQueries queries = new FeatureQueries(FIELD);
  private ByteBuffersDirectory directory;
  private DirectoryReader reader;
  private IndexSearcher searcher;

  @BeforeEach
  void index() throws IOException {
    directory = new ByteBuffersDirectory();
    try (IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig())) {
      FeatureVectorField field = new FeatureVectorField(FIELD, code(1));
      for (int i = 0; i < DOCUMENTS; i++) {
        codes.add(code(i % 40));
        Document document = new Document();
        field.setVector(codes.get(i)); // the same field for every document
        document.add(field);
        document.add(FeatureVectorField.stored(STORED, codes.get(i)));
        writer.addDocument(document);
        if (i % 100 == 99) {
          writer.commit(); // several segments
        }
      }
    }
    reader = DirectoryReader.open(directory);
    searcher = new IndexSearcher(reader);
  }

  @AfterEach
  void close() throws IOException {
    reader.close();
    directory.close();
  }

  private FeatureVector code(int size) {
    TreeMap<Integer, Float> all = new TreeMap<>();
    while (all.size() < size) {
      // Few features are in most codes, most in few.
      int feature = (int) (FEATURES * Math.pow(random.nextDouble(), 3));
      all.put(feature, (float) Math.exp(3 * random.nextGaussian()));
    }
    int[] features = all.keySet().stream().mapToInt(Integer::intValue).toArray();
    float[] weights = new float[size];
    for (int i = 0; i < size; i++) {
      weights[i] = all.get(features[i]);
    }
    return FeatureVector.unit(features, weights);
  }

  private static double dot(FeatureVector a, FeatureVector b) {
    double sum = 0;
    for (int i = 0; i < a.size(); i++) {
      sum += (double) a.weight(i) * b.weightOf(a.feature(i));
    }
    return sum;
  }

  @Test
  void scoresAreDotProductsOfCodes() throws IOException {
    for (int round = 0; round < 20; round++) {
      FeatureVector query = code(1 + round * 3);
      TopDocs hits = searcher.search(queries.similar(query), DOCUMENTS);
      long expected = codes.stream().filter(code -> dot(query, code) > 0).count();
      assertEquals(expected, hits.scoreDocs.length, "every document that shares a feature");
      for (ScoreDoc hit : hits.scoreDocs) {
        double dot = dot(query, codes.get(hit.doc));
        assertEquals(dot, hit.score, dot * (WEIGHT_ERROR + FLOAT_ERROR));
      }
    }
  }

  /**
   * Many postings in one segment, and no hit counted beyond the ten: blocks of them are skipped.
   */
  @Test
  void theBestAreTheSameWhenLuceneSkips() throws IOException {
    int documents = 20_000;
    try (ByteBuffersDirectory large = new ByteBuffersDirectory()) {
      try (IndexWriter writer = new IndexWriter(large, new IndexWriterConfig())) {
        for (int i = 0; i < documents; i++) {
          Document document = new Document();
          document.add(new FeatureVectorField(FIELD, code(8)));
          writer.addDocument(document);
        }
        writer.forceMerge(1);
      }
      try (DirectoryReader reader = DirectoryReader.open(large)) {
        IndexSearcher search = new IndexSearcher(reader);
        Query query = queries.similar(code(4));
        ScoreDoc[] all = search.search(query, documents).scoreDocs;
        TopDocs ten = search.search(query, new TopScoreDocCollectorManager(10, null, 1));
        assertEquals(TotalHits.Relation.GREATER_THAN_OR_EQUAL_TO, ten.totalHits.relation());
        assertTrue(ten.totalHits.value() < all.length, "some were skipped");
        for (int i = 0; i < 10; i++) {
          assertEquals(all[i].score, ten.scoreDocs[i].score);
        }
      }
    }
  }

  @Test
  void lucenesOwnFieldsFindTheSame() throws IOException {
    try (ByteBuffersDirectory other = new ByteBuffersDirectory()) {
      try (IndexWriter writer = new IndexWriter(other, new IndexWriterConfig())) {
        for (FeatureVector code : codes) {
          Document document = new Document();
          for (int i = 0; i < code.size(); i++) {
            // Rounded before, so that what FeatureField cuts off is nothing.
            float rounded = FeatureWeight.decode(FeatureWeight.frequency(code.weight(i)));
            document.add(new FeatureField(FIELD, Integer.toString(code.feature(i)), rounded));
          }
          writer.addDocument(document);
        }
      }
      try (DirectoryReader theirs = DirectoryReader.open(other)) {
        IndexSearcher search = new IndexSearcher(theirs);
        for (int round = 0; round < 10; round++) {
          Query query = queries.similar(code(10));
          TopDocs expected = search.search(query, DOCUMENTS);
          TopDocs got = searcher.search(query, DOCUMENTS);
          assertEquals(expected.scoreDocs.length, got.scoreDocs.length);
          for (int i = 0; i < got.scoreDocs.length; i++) {
            assertEquals(expected.scoreDocs[i].score, got.scoreDocs[i].score);
          }
        }
      }
    }
  }

  @Test
  void contributionsAddUpToTheScoreAndToLucenesExplanation() throws IOException {
    FeatureVector query = code(20);
    Query similar = queries.similar(query);
    for (ScoreDoc hit : searcher.search(similar, 50).scoreDocs) {
      List<Contributions.Part> parts = Contributions.of(query, reader, STORED, hit.doc);
      double sum = parts.stream().mapToDouble(Contributions.Part::product).sum();
      assertEquals(sum, hit.score, sum * FLOAT_ERROR);
      Explanation explanation = searcher.explain(similar, hit.doc);
      assertEquals(sum, explanation.getValue().doubleValue(), sum * FLOAT_ERROR);
      assertEquals(parts.size(), parts.size() == 1 ? 1 : explanation.getDetails().length);
      for (int i = 1; i < parts.size(); i++) {
        assertTrue(parts.get(i - 1).product() >= parts.get(i).product());
      }
    }
  }

  @Test
  void linesNameFeaturesByTheirLabels() {
    List<String> lines =
        Contributions.lines(
            List.of(
                new Contributions.Part(17, 0.5f, 0.25f), new Contributions.Part(3, 0.5f, 0.125f)),
            feature -> feature == 17 ? "stringed instruments" : null);
    assertEquals(
        List.of(
            "0.1250 = 0.5000 * 0.2500  feature 17, stringed instruments",
            "0.0625 = 0.5000 * 0.1250  feature 3"),
        lines);
  }

  @Test
  void aDocumentIsTheFirstLikeItself() throws IOException {
    for (int doc = 1; doc < 40; doc++) {
      ScoreDoc[] hits =
          searcher.search(queries.moreLikeThis(reader, STORED, doc, 1000), 3).scoreDocs;
      assertEquals(1, hits[0].score, 4 * WEIGHT_ERROR);
      assertEquals(doc, hits[0].doc);
    }
  }

  @Test
  void filtersNarrowAndBoostsRaise() throws IOException {
    FeatureVector query = code(30);
    Query similar = queries.similar(query);
    ScoreDoc[] plain = searcher.search(similar, DOCUMENTS).scoreDocs;
    int feature = codes.get(plain[3].doc).feature(0);
    List<Integer> with = new ArrayList<>();
    List<Integer> without = new ArrayList<>();
    for (ScoreDoc hit : plain) {
      (codes.get(hit.doc).weightOf(feature) > 0 ? with : without).add(hit.doc);
    }
    assertEquals(with, docs(queries.only(similar, feature)));
    assertEquals(without, docs(queries.without(similar, feature)));
    assertEquals(
        codes.stream().filter(code -> code.weightOf(feature) > 0).count(),
        docs(queries.has(feature)).size());

    float boost = 100; // more than a linear query takes
    ScoreDoc[] raised =
        searcher.search(queries.boosted(similar, feature, boost), DOCUMENTS).scoreDocs;
    assertEquals(plain.length, raised.length);
    for (ScoreDoc hit : raised) {
      FeatureVector code = codes.get(hit.doc);
      double expected = dot(query, code) + boost * code.weightOf(feature);
      assertEquals(expected, hit.score, expected * (WEIGHT_ERROR + FLOAT_ERROR));
    }
  }

  private List<Integer> docs(Query query) throws IOException {
    return Arrays.stream(searcher.search(query, DOCUMENTS).scoreDocs).map(hit -> hit.doc).toList();
  }

  @Test
  void weightsBeyondFeatureFieldsBoundAreTaken() throws IOException {
    FeatureVector large = FeatureVector.of(new int[] {0, 1}, new float[] {1000, 65});
    for (ScoreDoc hit : searcher.search(queries.similar(large), 20).scoreDocs) {
      double dot = dot(large, codes.get(hit.doc));
      assertEquals(dot, hit.score, dot * (WEIGHT_ERROR + FLOAT_ERROR));
    }
  }

  @Test
  void whatIsStoredIsWhatThePostingsHold() throws IOException {
    for (int doc = 0; doc < DOCUMENTS; doc++) {
      FeatureVector expected = codes.get(doc);
      FeatureVector stored = StoredVectors.of(reader, STORED, doc).orElseThrow();
      assertArrayEquals(expected.features(), stored.features());
      for (int i = 0; i < stored.size(); i++) {
        int frequency = FeatureWeight.frequency(expected.weight(i));
        assertEquals(FeatureWeight.decode(frequency), stored.weight(i));
      }
    }
    assertTrue(StoredVectors.of(reader, "another", 0).isEmpty());
  }

  @Test
  void whatCannotBeSearchedForIsSaid() {
    assertEquals(0, queriesFound(FeatureVector.of(new int[0], new float[0])));
    int many = IndexSearcher.getMaxClauseCount() + 1;
    int[] features = new int[many];
    float[] weights = new float[many];
    Arrays.setAll(features, i -> i);
    Arrays.fill(weights, 1);
    FeatureVector all = FeatureVector.of(features, weights);
    String message =
        assertThrows(IllegalArgumentException.class, () -> queries.similar(all)).getMessage();
    assertTrue(message.contains("got " + many), message);
    assertThrows(IllegalArgumentException.class, () -> queries.boosted(queries.has(1), 1, 0));
    assertThrows(
        IllegalArgumentException.class, () -> queries.moreLikeThis(reader, STORED, DOCUMENTS, 5));
    assertThrows(
        IllegalArgumentException.class, () -> queries.moreLikeThis(reader, "another", 0, 5));
  }

  private int queriesFound(FeatureVector code) {
    try {
      return searcher.search(queries.similar(code), 10).scoreDocs.length;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
