package org.example.search;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.IntFunction;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.KnnFloatVectorField;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.MultiDocValues;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.VectorSimilarityFunction;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.KnnFloatVectorQuery;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.store.FSDirectory;

/** The same vectors in Lucene's HNSW graph, with its default settings, to compare with. */
final class DenseIndex implements AutoCloseable {
  private static final String VECTOR = "vector";

  private final FSDirectory directory;
  private final DirectoryReader reader;
  private final IndexSearcher searcher;
  private final int[] numbers;

  DenseIndex(Path folder) throws IOException {
    directory = FSDirectory.open(folder);
    reader = DirectoryReader.open(directory);
    searcher = new IndexSearcher(reader);
    numbers = new int[reader.maxDoc()];
    NumericDocValues ids = MultiDocValues.getNumericValues(reader, SparseIndex.ID);
    for (int doc = ids.nextDoc(); doc != NumericDocValues.NO_MORE_DOCS; doc = ids.nextDoc()) {
      numbers[doc] = (int) ids.longValue();
    }
  }

  static void write(Path folder, IntFunction<float[]> vectors, int count) throws IOException {
    try (FSDirectory directory = FSDirectory.open(folder);
        IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig())) {
      for (int number = 0; number < count; number++) {
        Document document = new Document();
        document.add(
            new KnnFloatVectorField(
                VECTOR, vectors.apply(number), VectorSimilarityFunction.COSINE));
        document.add(new NumericDocValuesField(SparseIndex.ID, number));
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
  }

  /**
   * The nearest documents.
   *
   * @param breadth how many neighbours the graph is searched for, at least {@code count}
   */
  int[] search(float[] query, int breadth, int count) throws IOException {
    ScoreDoc[] hits =
        searcher.search(new KnnFloatVectorQuery(VECTOR, query, breadth), count).scoreDocs;
    int[] found = new int[hits.length];
    for (int i = 0; i < found.length; i++) {
      found[i] = numbers[hits[i].doc];
    }
    return found;
  }

  @Override
  public void close() throws IOException {
    reader.close();
    directory.close();
  }
}
