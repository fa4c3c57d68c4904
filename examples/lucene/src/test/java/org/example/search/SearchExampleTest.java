package org.example.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole example with a small SAE, on the vectors that are shipped: no model is loaded. */
class SearchExampleTest {
  private static final Path COLLECTION = Path.of("collection");

  /** Enough for the example's claims; RESULTS.md has those of larger ones. */
  private static final Autoencoders.Recipe SMALL = new Autoencoders.Recipe(1024, 32, 300);

  @TempDir static Path work;

  private static JudgedCollection collection;

  @BeforeAll
  static void read() throws IOException {
    collection = JudgedCollection.read(COLLECTION);
  }

  @Test
  void theCollectionIsWhole() {
    assertEquals(6000, collection.documents().size());
    assertEquals(6000, collection.documentVectors().length);
    assertEquals(200, collection.queries().size());
    assertEquals(200, collection.queryVectors().length);
    for (Set<Integer> relevant : collection.relevant()) {
      assertTrue(relevant.size() >= 8 && relevant.size() <= 60, relevant::toString);
      assertTrue(relevant.stream().allMatch(document -> document >= 0 && document < 6000));
    }
    for (float[] vector : collection.documentVectors()) {
      assertEquals(1, Ranking.dot(vector, vector), 0x1p-9); // halves
    }
  }

  @Test
  void codesOfTheCorpusOwnVectorsFindAlmostWhatTheVectorsFind() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      Measure measure = new Measure(collection, work, device, out);
      measure.quality(List.of(SMALL));
      measure.costHead();
      measure.cost(List.of(SMALL), 7000, true);
    }
    String tables = bytes.toString(StandardCharsets.UTF_8);
    // FVU of documents, of queries; nDCG and recall of codes alone, re-ranked, re-ranked decoded.
    List<Double> row = numbers(tables, "| codes, k = 32 |");
    assertTrue(row.get(0) < 0.3, tables);
    assertTrue(row.get(3) > 0.9, "codes alone, of dense: " + tables);
    assertTrue(row.get(4) > 0.5, "recall of codes alone: " + tables);
    assertTrue(row.get(6) > 0.97, "re-ranked, of dense: " + tables);
    assertTrue(row.get(7) > 0.9, "recall re-ranked: " + tables);
    List<Double> candidates = numbers(tables, "| k = 32 |");
    for (int i = 1; i < 6; i++) {
      assertTrue(candidates.get(i) >= candidates.get(i - 1), "more candidates, more found");
    }
    assertTrue(candidates.get(5) > 0.99, tables);
    assertTrue(tables.contains("| 7,000 | codes, k = 32, dense re-rank of 100 |"), tables);
    assertTrue(tables.contains("| 7,000 | HNSW, 100 neighbours |"), tables);
  }

  private static List<Double> numbers(String tables, String head) {
    String line = tables.lines().filter(row -> row.startsWith(head)).findFirst().orElseThrow();
    List<Double> numbers = new ArrayList<>();
    Matcher number = Pattern.compile("[0-9]+\\.[0-9]+").matcher(line.substring(head.length()));
    while (number.find()) {
      numbers.add(Double.parseDouble(number.group()));
    }
    return numbers;
  }

  @Test
  void aSearchExplainsFiltersAndSteers() throws IOException {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.ROOT);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      new Main(COLLECTION, work, out)
          .search(
              collection.queries().getFirst(),
              collection.queryVectors()[0],
              SMALL.dSae(),
              SMALL.steps());
    } finally {
      Locale.setDefault(before);
    }
    String text = bytes.toString(StandardCharsets.UTF_8);
    List<Integer> hits = documents(text, "Query: ");
    assertEquals(5, hits.size(), text);
    assertTrue(hits.stream().anyMatch(collection.relevant().getFirst()::contains), text);
    assertTrue(
        Pattern.compile("0\\.\\d{4} = 0\\.\\d{4} \\* 0\\.\\d{4}  feature \\d+, \\w")
            .matcher(text)
            .find(),
        text);
    assertTrue(text.contains("Linear function on the features field"), text);
    List<Integer> with = documents(text, "Only with feature");
    List<Integer> without = documents(text, "Without feature");
    assertTrue(with.contains(hits.getFirst()), text);
    assertTrue(!without.isEmpty() && !without.contains(hits.getFirst()), text);
    assertEquals(5, documents(text, "The query's code with that latent ablated").size(), text);
    assertEquals(hits.getFirst(), documents(text, "Like it").getFirst(), text);
  }

  /** The numbers of the hits under a title. */
  private static List<Integer> documents(String text, String title) {
    return text.lines()
        .dropWhile(line -> !line.startsWith(title))
        .skip(1)
        .takeWhile(line -> line.startsWith("  "))
        .map(line -> Integer.parseInt(line.strip().split(" ")[0]))
        .toList();
  }

  @Test
  void rankingsAreMeasuredAsDefined() {
    double first = 1;
    double third = Math.log(2) / Math.log(4);
    double second = Math.log(2) / Math.log(3);
    assertEquals(
        (first + third) / (first + second), Ranking.ndcg(new int[] {4, 9, 2}, Set.of(4, 2)), 1e-12);
    assertEquals(0, Ranking.ndcg(new int[0], Set.of(1)));
    assertEquals(0.5, Ranking.recall(new int[] {3, 1}, new int[] {1, 2}));
    assertEquals(
        List.of(1, 2),
        List.of(
            Ranking.exact(new float[] {1, 0}, new float[][] {{0, 1}, {1, 0}, {.5f, 0}}, 2)[0],
            Ranking.exact(new float[] {1, 0}, new float[][] {{0, 1}, {1, 0}, {.5f, 0}}, 2)[1]));
  }

  /** Loads the model, 90 MB in a jar. */
  @Test
  @Tag("long")
  void theModelGivesTheVectorsThatAreShipped() {
    for (int q = 0; q < 5; q++) {
      float[] vector = Embedding.of(collection.queries().get(q));
      assertEquals(1, Ranking.cosine(vector, collection.queryVectors()[q]), 1e-4);
    }
  }

  /** What {@code examples/run} starts. */
  @Test
  void theClassThatIsRunIsNamed() throws IOException {
    String name = Files.readString(Path.of("main-class")).strip();
    assertEquals(Main.class.getName(), name);
  }
}
