package org.example.search;

import io.github.sae4j.device.Device;
import io.github.sae4j.lucene.FeatureVector;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** Measures codes beside dense vectors, and prints the tables of RESULTS.md. */
final class Measure {
  private static final int RERANKED = 100;
  private static final int[] CANDIDATES = {50, 100, 200, 300, 500, 1000};
  private static final double ENOUGH = 0.95;

  /** Rounds over all queries before and while times are taken. */
  private static final int ROUNDS = 3;

  private static final int CHUNK = 8192;

  private final JudgedCollection collection;
  private final Path work;
  private final Device device;
  private final PrintStream out;

  /** What is measured by nothing but the number of candidates. */
  private record Candidates(String title, double[] recalls) {}

  /**
   * A measurement.
   *
   * @param work a folder for runs and indexes
   * @param out where the tables go
   */
  Measure(JudgedCollection collection, Path work, Device device, PrintStream out) {
    this.collection = collection;
    this.work = work;
    this.device = device;
    this.out = out;
  }

  /**
   * Prints how well codes find, beside exact cosine and HNSW.
   *
   * @param recipes SAEs of the collection
   */
  void quality(List<Autoencoders.Recipe> recipes) throws IOException {
    float[][] documents = collection.documentVectors();
    int[][] nearest = new int[collection.queries().size()][];
    for (int q = 0; q < nearest.length; q++) {
      nearest[q] = Ranking.exact(collection.queryVectors()[q], documents, Ranking.DEPTH);
    }
    double dense = ndcg(nearest);
    out.println(
        "| search | FVU of documents | FVU of queries | nDCG@10 | of dense | recall@10 | nDCG@10,"
            + " dense re-rank of 100 | of dense | recall@10 | nDCG@10, re-rank by what codes decode"
            + " to | recall@10 |");
    out.println("|---|---|---|---|---|---|---|---|---|---|---|");
    out.printf(
        Locale.ROOT,
        "| exact cosine of the vectors | | | %.4f | 1.000 | 1.000 | | | | | |%n",
        dense);
    Path graph = fresh("hnsw");
    DenseIndex.write(graph, i -> documents[i], documents.length);
    try (DenseIndex index = new DenseIndex(graph)) {
      for (int breadth : new int[] {10, 100}) {
        int[][] found = new int[nearest.length][];
        for (int q = 0; q < found.length; q++) {
          found[q] = index.search(collection.queryVectors()[q], breadth, Ranking.DEPTH);
        }
        out.printf(
            Locale.ROOT,
            "| HNSW, %d neighbours looked for | | | %.4f | %.3f | %.3f | | | | | |%n",
            breadth,
            ndcg(found),
            ndcg(found) / dense,
            recall(found, nearest));
      }
    }
    List<Candidates> candidates = new ArrayList<>();
    for (Autoencoders.Recipe recipe : recipes) {
      try (SparseAutoencoder sae = trained(recipe)) {
        candidates.add(quality(recipe, sae, nearest, dense));
      }
    }
    out.println();
    out.println(
        "Recall of the 10 nearest documents after a dense re-rank, by the number of candidates that"
            + " codes give:");
    out.println();
    out.print("| codes |");
    Arrays.stream(CANDIDATES).forEach(count -> out.print(" " + count + " |"));
    out.println(" candidates for 0.95 |");
    out.println("|---|" + "---|".repeat(CANDIDATES.length + 1));
    for (Candidates row : candidates) {
      out.print("| " + row.title() + " |");
      OptionalInt enough = OptionalInt.empty();
      for (int i = 0; i < CANDIDATES.length; i++) {
        out.printf(Locale.ROOT, " %.3f |", row.recalls()[i]);
        if (enough.isEmpty() && row.recalls()[i] >= ENOUGH) {
          enough = OptionalInt.of(CANDIDATES[i]);
        }
      }
      out.println(enough.isPresent() ? " " + enough.getAsInt() + " |" : " more than 1000 |");
    }
  }

  private Candidates quality(
      Autoencoders.Recipe recipe, SparseAutoencoder sae, int[][] nearest, double dense)
      throws IOException {
    float[][] vectors = collection.documentVectors();
    SparseCode[] codes = Autoencoders.encode(sae, vectors);
    SparseCode[] queryCodes = Autoencoders.encode(sae, collection.queryVectors());
    Path folder = fresh("codes-" + recipe.name());
    SparseIndex.write(folder, i -> codes[i], codes.length, i -> vectors[i]);
    int queries = nearest.length;
    int[][] alone = new int[queries][];
    int[][] ranked = new int[queries][];
    int[][] decoded = new int[queries][];
    double[] recalls = new double[CANDIDATES.length];
    try (SparseIndex index = SparseIndex.open(folder)) {
      for (int q = 0; q < queries; q++) {
        FeatureVector code = SparseIndex.unit(queryCodes[q]);
        float[] query = collection.queryVectors()[q];
        alone[q] = index.search(code, Ranking.DEPTH);
        ranked[q] = index.searchDense(code, query, RERANKED, Ranking.DEPTH);
        decoded[q] = index.searchDecoded(code, query, sae, RERANKED, Ranking.DEPTH);
        for (int i = 0; i < CANDIDATES.length; i++) {
          int[] found = index.searchDense(code, query, CANDIDATES[i], Ranking.DEPTH);
          recalls[i] += Ranking.recall(found, nearest[q]) / queries;
        }
      }
    }
    out.printf(
        Locale.ROOT,
        "| codes, %s | %.3f | %.3f | %.4f | %.3f | %.3f | %.4f | %.3f | %.3f | %.4f | %.3f |%n",
        recipe.title(),
        Autoencoders.fvu(sae, collection.documentFile()),
        Autoencoders.fvu(sae, collection.folder().resolve("queries.npy")),
        ndcg(alone),
        ndcg(alone) / dense,
        recall(alone, nearest),
        ndcg(ranked),
        ndcg(ranked) / dense,
        recall(ranked, nearest),
        ndcg(decoded),
        recall(decoded, nearest));
    return new Candidates(recipe.title(), recalls);
  }

  /**
   * Prints sizes and times.
   *
   * @param recipes SAEs of the collection
   * @param count documents, the collection's first and synthetic ones after them
   * @param graph whether to build the HNSW graph too, which takes minutes for a million
   */
  void cost(List<Autoencoders.Recipe> recipes, int count, boolean graph) throws IOException {
    Synthetic synthetic = new Synthetic(collection.documentVectors());
    if (graph) {
      Path folder = fresh("hnsw-" + count);
      long start = System.nanoTime();
      DenseIndex.write(folder, synthetic::vector, count);
      double seconds = (System.nanoTime() - start) / 1e9;
      try (DenseIndex index = new DenseIndex(folder)) {
        for (int breadth : new int[] {10, 100}) {
          line(
              count,
              "HNSW, " + breadth + " neighbours",
              seconds,
              size(folder),
              times(q -> index.search(collection.queryVectors()[q], breadth, Ranking.DEPTH)));
        }
      }
      delete(folder);
    }
    for (Autoencoders.Recipe recipe : recipes) {
      try (SparseAutoencoder sae = trained(recipe)) {
        cost(recipe, sae, synthetic, count);
      }
    }
  }

  private void cost(
      Autoencoders.Recipe recipe, SparseAutoencoder sae, Synthetic synthetic, int count)
      throws IOException {
    SparseCode[] queryCodes = Autoencoders.encode(sae, collection.queryVectors());
    FeatureVector[] queries =
        Arrays.stream(queryCodes).map(SparseIndex::unit).toArray(FeatureVector[]::new);
    for (boolean vectors : new boolean[] {false, true}) {
      Path folder = fresh("codes-" + recipe.name() + "-" + count);
      long start = System.nanoTime();
      Chunk chunk = new Chunk(sae, synthetic, count);
      SparseIndex.write(folder, chunk::code, count, vectors ? chunk::vector : null);
      double seconds = (System.nanoTime() - start) / 1e9;
      try (SparseIndex index = SparseIndex.open(folder)) {
        if (vectors) {
          line(
              count,
              "codes, " + recipe.title() + ", dense re-rank of 100",
              seconds,
              size(folder),
              times(
                  q ->
                      index.searchDense(
                          queries[q], collection.queryVectors()[q], RERANKED, Ranking.DEPTH)));
        } else {
          line(
              count,
              "codes, " + recipe.title(),
              seconds,
              size(folder),
              times(q -> index.search(queries[q], Ranking.DEPTH)));
        }
      }
      delete(folder);
    }
  }

  /** Prints the head of the table of {@link #cost}. */
  void costHead() {
    out.println("| documents | search | building | index | bytes a document | p50 | p99 |");
    out.println("|---|---|---|---|---|---|---|");
  }

  private void line(int count, String what, double seconds, long bytes, double[] times) {
    out.printf(
        Locale.ROOT,
        "| %,d | %s | %.1f s | %.1f MB | %d | %.2f ms | %.2f ms |%n",
        count,
        what,
        seconds,
        bytes / 1e6,
        Math.round((double) bytes / count),
        times[times.length / 2],
        times[(int) (times.length * 0.99)]);
    out.flush();
  }

  /** A search for one query of the collection. */
  private interface Search {
    int[] run(int query) throws IOException;
  }

  /** Milliseconds of single searches on one thread, sorted, after a warm-up. */
  private double[] times(Search search) throws IOException {
    int queries = collection.queries().size();
    double[] times = new double[ROUNDS * queries];
    for (int round = -ROUNDS; round < ROUNDS; round++) {
      for (int q = 0; q < queries; q++) {
        long start = System.nanoTime();
        int[] found = search.run(q);
        double milliseconds = (System.nanoTime() - start) / 1e6;
        if (found.length == 0) {
          throw new IllegalStateException("query " + q + " found nothing");
        }
        if (round >= 0) {
          times[round * queries + q] = milliseconds;
        }
      }
    }
    Arrays.sort(times);
    return times;
  }

  /** Codes of synthetic vectors, made a chunk at a time as an index asks for them in order. */
  private static final class Chunk {
    private final SparseAutoencoder sae;
    private final Synthetic synthetic;
    private final int count;
    private int from = -1;
    private float[][] vectors = {};
    private SparseCode[] codes = {};

    Chunk(SparseAutoencoder sae, Synthetic synthetic, int count) {
      this.sae = sae;
      this.synthetic = synthetic;
      this.count = count;
    }

    SparseCode code(int number) {
      if (from < 0 || number >= from + codes.length) {
        from = number;
        vectors = synthetic.vectors(from, Math.min(count, from + CHUNK));
        codes = Autoencoders.encode(sae, vectors);
      }
      return codes[number - from];
    }

    float[] vector(int number) {
      return vectors[number - from];
    }
  }

  private SparseAutoencoder trained(Autoencoders.Recipe recipe) throws IOException {
    return Autoencoders.trained(collection.documentFile(), recipe, work.resolve("runs"), device);
  }

  private double ndcg(int[][] found) {
    double sum = 0;
    for (int q = 0; q < found.length; q++) {
      sum += Ranking.ndcg(found[q], collection.relevant().get(q));
    }
    return sum / found.length;
  }

  private static double recall(int[][] found, int[][] wanted) {
    double sum = 0;
    for (int q = 0; q < found.length; q++) {
      sum += Ranking.recall(found[q], wanted[q]);
    }
    return sum / found.length;
  }

  private Path fresh(String name) throws IOException {
    Path folder = work.resolve("index").resolve(name);
    delete(folder);
    return folder;
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static long size(Path folder) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }
}
