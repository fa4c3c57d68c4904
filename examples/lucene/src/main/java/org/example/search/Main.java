package org.example.search;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.lucene.Contributions;
import io.github.sae4j.lucene.FeatureVector;
import io.github.sae4j.sae.LatentEdits;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.lucene.search.Query;

/** The commands of the example; README.md shows them. */
public final class Main {
  private static final int N = 4096;
  private static final int STEPS = 1500;
  private static final List<Integer> KS = List.of(8, 16, 32, 64);
  private static final int HITS = 5;
  private static final int REASONS = 5;

  private final Path collectionFolder;
  private final Path work;
  private final PrintStream out;

  Main(Path collectionFolder, Path work, PrintStream out) {
    this.collectionFolder = collectionFolder;
    this.work = work;
    this.out = out;
  }

  /**
   * Runs a command.
   *
   * @param args the command and what it takes
   * @throws IOException if reading or writing fails
   */
  public static void main(String[] args) throws IOException {
    Path home = Path.of(System.getProperty("example.home", "examples/lucene"));
    new Main(home.resolve("collection"), home.resolve("target/work"), System.out).run(args);
  }

  void run(String... args) throws IOException {
    String command = args.length == 0 ? "help" : args[0];
    switch (command) {
      case "search" -> search(rest(args), N, STEPS);
      case "measure" -> measure();
      case "measure-million" -> measureMillion(List.of(args).contains("--graph"));
      case "collect" -> MakeCollection.run(collectionFolder);
      case "embed" -> MakeCollection.embed(collectionFolder);
      default ->
          out.println(
              """
              search TEXT      trains and indexes once, then searches, explains, filters, steers
              measure          the tables of RESULTS.md up to 100,000 documents
              measure-million  the rows of a million; --graph: HNSW's too (an hour on two cores)
              embed            computes the collection's vectors again (the model is in a jar)
              collect          chooses the collection's texts again, from WordNet in a jar\
              """);
    }
  }

  private static String rest(String[] args) {
    return args.length == 1
        ? "a wading bird with long legs"
        : String.join(" ", List.of(args).subList(1, args.length));
  }

  /** From a text to hits, and what can be done with features besides. */
  void search(String text, int dSae, int steps) throws IOException {
    float[] query = Embedding.of(text);
    search(text, query, dSae, steps);
  }

  void search(String text, float[] query, int dSae, int steps) throws IOException {
    JudgedCollection collection = JudgedCollection.read(collectionFolder);
    Autoencoders.Recipe recipe = new Autoencoders.Recipe(dSae, 32, steps);
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder sae =
            Autoencoders.trained(collection.documentFile(), recipe, work.resolve("runs"), device)) {
      out.printf(
          "SAE of %d latents, k = %d; FVU on the corpus %.3f (above 0.3, do not index)%n",
          dSae, recipe.k(), Autoencoders.fvu(sae, collection.documentFile()));
      SparseCode[] codes = Autoencoders.encode(sae, collection.documentVectors());
      Path folder = work.resolve("index").resolve("search-" + recipe.name());
      if (!isIndex(folder)) {
        SparseIndex.write(
            folder, i -> codes[i], codes.length, i -> collection.documentVectors()[i]);
      }
      FeatureLabels labels = new FeatureLabels(collection, codes);
      try (SparseIndex index = SparseIndex.open(folder)) {
        SparseCode code = sae.encode(query);
        FeatureVector features = SparseIndex.unit(code);
        int[] hits = show("Query: " + text, collection, index.search(features, HITS));
        show(
            "The same, 100 candidates ordered by their vectors:",
            collection,
            index.searchDense(features, query, 100, HITS));
        if (hits.length == 0) {
          return;
        }
        List<Contributions.Part> why = index.why(features, hits[0]);
        out.println("\nWhy " + collection.title(hits[0]) + ":");
        Contributions.lines(why, labels).stream()
            .limit(REASONS)
            .forEach(line -> out.println("  " + line));
        Query plain = index.queries().similar(features);
        out.println("\nLucene's own account of it:");
        index
            .explain(plain, hits[0])
            .lines()
            .limit(REASONS)
            .forEach(line -> out.println("  " + line));
        show("\nLike it, by its 8 strongest features:", collection, index.like(hits[0], 8, HITS));

        int first = why.getFirst().feature();
        String name = "feature " + first + " (" + labels.apply(first) + ")";
        show(
            "\nOnly with " + name + ":",
            collection,
            index.search(index.queries().only(plain, first), HITS));
        show(
            "\nWithout " + name + ":",
            collection,
            index.search(index.queries().without(plain, first), HITS));
        show(
            "\nRaised by " + name + ":",
            collection,
            index.search(index.queries().boosted(plain, first, 0.5f), HITS));
        SparseCode steered = LatentEdits.NONE.ablate(first).apply(code);
        show(
            "\nThe query's code with that latent ablated:",
            collection,
            index.search(SparseIndex.unit(steered), HITS));
      }
    }
  }

  private int[] show(String title, JudgedCollection collection, int[] hits) {
    out.println(title);
    for (int hit : hits) {
      out.println("  " + hit + "  " + collection.documents().get(hit));
    }
    return hits;
  }

  private static boolean isIndex(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.anyMatch(file -> file.getFileName().toString().startsWith("segments"));
    }
  }

  private static List<Autoencoders.Recipe> recipes() {
    return KS.stream().map(k -> new Autoencoders.Recipe(N, k, STEPS)).toList();
  }

  /** With the contrastive objective beside reconstruction, and without; its steps take long. */
  private static List<Autoencoders.Recipe> contrastive() {
    return Stream.of(false, true)
        .map(contrastive -> new Autoencoders.Recipe(N, 32, Autoencoders.FEW_STEPS, contrastive))
        .toList();
  }

  private void measure() throws IOException {
    JudgedCollection collection = JudgedCollection.read(collectionFolder);
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
      Measure measure = new Measure(collection, work, device, out);
      measure.quality(Stream.concat(recipes().stream(), contrastive().stream()).toList());
      out.println();
      measure.costHead();
      measure.cost(recipes(), 10_000, true);
      measure.cost(recipes(), 100_000, true);
    }
  }

  private void measureMillion(boolean graph) throws IOException {
    JudgedCollection collection = JudgedCollection.read(collectionFolder);
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT)) {
      Measure measure = new Measure(collection, work, device, out);
      measure.costHead();
      measure.cost(recipes(), 1_000_000, graph);
    }
  }
}
