package org.example.search;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Texts, queries, and which texts answer which query.
 *
 * @param folder where it lies
 * @param documents texts by number
 * @param queries texts by number
 * @param relevant documents that answer each query
 * @param documentVectors embeddings of length 1, {@code [documents, d_in]}
 * @param queryVectors embeddings of length 1, {@code [queries, d_in]}
 */
record JudgedCollection(
    Path folder,
    List<String> documents,
    List<String> queries,
    List<Set<Integer>> relevant,
    float[][] documentVectors,
    float[][] queryVectors) {

  static final String DOCUMENT_VECTORS = "documents.npy";

  static JudgedCollection read(Path folder) throws IOException {
    List<String> documents = Files.readAllLines(folder.resolve("documents.txt"));
    List<String> queries = Files.readAllLines(folder.resolve("queries.txt"));
    List<Set<Integer>> relevant = new ArrayList<>();
    queries.forEach(query -> relevant.add(new HashSet<>()));
    for (String line : Files.readAllLines(folder.resolve("judgements.tsv"))) {
      String[] pair = line.split("\t");
      relevant.get(Integer.parseInt(pair[0])).add(Integer.parseInt(pair[1]));
    }
    return new JudgedCollection(
        folder,
        documents,
        queries,
        relevant,
        vectors(folder.resolve(DOCUMENT_VECTORS)),
        vectors(folder.resolve("queries.npy")));
  }

  /** Where the vectors that train the SAE lie. */
  Path documentFile() {
    return folder.resolve(DOCUMENT_VECTORS);
  }

  /** The words that a document is about, without their definition. */
  String title(int document) {
    String text = documents.get(document);
    return text.substring(0, text.indexOf(": "));
  }

  static float[][] vectors(Path file) throws IOException {
    try (ActivationFiles rows = ActivationFiles.open(List.of(file.toString()), Optional.empty());
        OffHeap memory = new OffHeap()) {
      int count = Math.toIntExact(rows.rows());
      Matrix all = memory.matrix(count, rows.width());
      rows.readRange(0, count, all);
      float[][] vectors = new float[count][rows.width()];
      for (int i = 0; i < count; i++) {
        all.read(i, 1, vectors[i], 0);
      }
      return vectors;
    }
  }
}
