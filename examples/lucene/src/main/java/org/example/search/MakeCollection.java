package org.example.search;

import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.onnx.allminilml6v2.AllMiniLmL6V2EmbeddingModel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Makes the judged collection that this example ships, from WordNet 3.1 as a Maven artifact has it.
 * Documents are nouns with their definitions. A query is the definition of a kind of thing, such as
 * "bowed stringed instrument"; relevant are all the nouns that WordNet's editors filed below it.
 */
final class MakeCollection {
  private static final String NOUNS = "/net/sf/extjwnl/data/wordnet/wn31/data.noun";
  private static final int QUERIES = 200;
  private static final int DOCUMENTS = 6000;
  private static final int FEWEST_KINDS = 8;
  private static final int MOST_KINDS = 60;
  private static final int BATCH = 64;
  private static final long SEED = 20261126;

  /** A meaning: its words and definition, and the meanings directly below it. */
  private record Synset(String text, List<Integer> below) {}

  private MakeCollection() {}

  /**
   * Writes the texts, the judgements and the vectors.
   *
   * @param folder the collection's folder
   */
  static void run(Path folder) throws IOException {
    Files.createDirectories(folder);
    Map<Integer, Synset> synsets = read(folder.resolve("LICENSE"));
    Map<Integer, Set<Integer>> topics = topics(synsets);
    Set<Integer> documents = new HashSet<>();
    topics.values().forEach(documents::addAll);
    List<Integer> others = new ArrayList<>(synsets.keySet());
    others.removeAll(documents);
    others.removeAll(topics.keySet());
    Collections.shuffle(others, new Random(SEED));
    documents.addAll(others.subList(0, DOCUMENTS - documents.size()));

    // Numbered in the order of WordNet, which keeps neighbours in meaning together.
    Map<Integer, Integer> numbers = new HashMap<>();
    List<String> texts = new ArrayList<>();
    for (int synset : new TreeSet<>(documents)) {
      numbers.put(synset, texts.size());
      texts.add(synsets.get(synset).text());
    }
    List<String> queries = new ArrayList<>();
    StringBuilder judgements = new StringBuilder();
    topics.forEach(
        (topic, kinds) -> {
          kinds.stream()
              .map(numbers::get)
              .sorted()
              .forEach(
                  document ->
                      judgements.append(queries.size()).append('\t').append(document).append('\n'));
          queries.add(synsets.get(topic).text());
        });
    Files.write(folder.resolve("documents.txt"), texts);
    Files.write(folder.resolve("queries.txt"), queries);
    Files.writeString(folder.resolve("judgements.tsv"), judgements);
    embed(folder);
  }

  /** Computes the vectors of the texts that are there, as {@code documents.npy} and so on. */
  static void embed(Path folder) throws IOException {
    EmbeddingModel model = new AllMiniLmL6V2EmbeddingModel();
    for (String name : List.of("documents", "queries")) {
      List<String> texts = Files.readAllLines(folder.resolve(name + ".txt"));
      List<float[]> vectors = new ArrayList<>();
      for (int from = 0; from < texts.size(); from += BATCH) {
        List<TextSegment> batch =
            texts.subList(from, Math.min(texts.size(), from + BATCH)).stream()
                .map(TextSegment::from)
                .toList();
        model.embedAll(batch).content().forEach(embedding -> vectors.add(embedding.vector()));
      }
      writeHalves(folder.resolve(name + ".npy"), vectors);
      System.out.println(name + ": " + vectors.size() + " vectors");
    }
  }

  /** Reads WordNet's nouns; its licence heads the file. */
  private static Map<Integer, Synset> read(Path licence) throws IOException {
    Map<Integer, Synset> synsets = new TreeMap<>();
    StringBuilder header = new StringBuilder();
    try (InputStream in = MakeCollection.class.getResourceAsStream(NOUNS);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("  ")) {
          header.append(line.strip().replaceFirst("^[0-9]+ ?", "")).append('\n');
          continue;
        }
        // offset lex_filenum ss_type w_cnt (word lex_id)... p_cnt (symbol offset pos src)... |
        // gloss
        String[] halves = line.split(" \\| ", 2);
        String[] parts = halves[0].strip().split(" ");
        int words = Integer.parseInt(parts[3], 16);
        List<String> names = new ArrayList<>();
        for (int i = 0; i < words; i++) {
          names.add(parts[4 + 2 * i].replace('_', ' '));
        }
        List<Integer> below = new ArrayList<>();
        int at = 4 + 2 * words;
        int pointers = Integer.parseInt(parts[at]);
        for (int i = 0; i < pointers; i++) {
          if (parts[at + 1 + 4 * i].equals("~")) {
            below.add(Integer.parseInt(parts[at + 2 + 4 * i]));
          }
        }
        String definition = halves[1].split("; \"", 2)[0].strip();
        synsets.put(
            Integer.parseInt(parts[0]),
            new Synset(String.join(", ", names) + ": " + definition, below));
      }
    }
    Files.writeString(licence, header);
    return synsets;
  }

  /** Kinds of things with some dozens of kinds below them, none of which is of two topics. */
  private static Map<Integer, Set<Integer>> topics(Map<Integer, Synset> synsets) {
    List<Integer> order = new ArrayList<>(synsets.keySet());
    Collections.shuffle(order, new Random(SEED));
    Set<Integer> taken = new HashSet<>();
    Map<Integer, Set<Integer>> topics = new LinkedHashMap<>();
    for (int topic : order) {
      Set<Integer> kinds = new HashSet<>();
      collect(synsets, topic, kinds);
      boolean fits = kinds.size() >= FEWEST_KINDS && kinds.size() <= MOST_KINDS;
      if (fits && !taken.contains(topic) && Collections.disjoint(kinds, taken)) {
        topics.put(topic, kinds);
        taken.add(topic);
        taken.addAll(kinds);
        if (topics.size() == QUERIES) {
          break;
        }
      }
    }
    return topics;
  }

  private static void collect(Map<Integer, Synset> synsets, int topic, Set<Integer> kinds) {
    for (int below : synsets.get(topic).below()) {
      if (kinds.size() <= MOST_KINDS && kinds.add(below)) {
        collect(synsets, below, kinds);
      }
    }
  }

  private static void writeHalves(Path file, List<float[]> vectors) throws IOException {
    int width = vectors.getFirst().length;
    String header =
        "{'descr': '<f2', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(vectors.size(), width);
    int padded = (10 + header.length() + 1 + 63) / 64 * 64;
    ByteBuffer out =
        ByteBuffer.allocate(padded + vectors.size() * width * Short.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    out.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    out.putShort((short) (padded - 10));
    out.put(
        (header + " ".repeat(padded - 11 - header.length()) + "\n")
            .getBytes(StandardCharsets.US_ASCII));
    for (float[] vector : vectors) {
      for (float value : vector) {
        out.putShort(Float.floatToFloat16(value));
      }
    }
    Files.write(file, out.array());
  }
}
