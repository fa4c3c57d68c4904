package io.github.sae4j.report;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.RowMask;
import io.github.sae4j.data.RowViews;
import io.github.sae4j.report.tokens.Shard;
import io.github.sae4j.sae.SparseAutoencoder;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What the pages of features are made of. Either activations, which are encoded and reconstructed,
 * or codes that {@code encode} has written.
 *
 * @param sae the dictionary; stays open as long as the page is written
 * @param activations rows of width {@code d_in}; of a transcoder, pairs with the rows that its
 *     outputs approximate ({@link RowViews#pairs}); empty where codes are given
 * @param leftOut a mask of more rows than those of {@code activations}, which are the first that it
 *     keeps; the page numbers rows, and finds their texts, as the mask does
 * @param codes a file of codes or a folder of its shards; empty where activations are given
 * @param texts what rows stand for: JSON lines of tokens or texts, text files with one a line, or
 *     files of tensors with {@code token_ids}, in the order of their rows; empty if nobody knows
 * @param vocabulary what the numbers of tokens stand for: {@code tokenizer.json}, {@code
 *     vocab.json} or {@code vocab.txt}; empty where tokens are texts
 * @param labels a JSON file of names of latents
 * @param compared a dictionary of the same width to match this one with
 * @param comparedName how the page calls it
 * @param neuronpedia a file to write the features into besides, as Neuronpedia reads them
 * @param notes what the page should say about its rows: one line each
 */
public record FeatureInput(
    SparseAutoencoder sae,
    Optional<ActivationSource> activations,
    Optional<RowMask> leftOut,
    Optional<Path> codes,
    List<Shard> texts,
    Optional<Path> vocabulary,
    Optional<Path> labels,
    Optional<SparseAutoencoder> compared,
    String comparedName,
    Optional<Path> neuronpedia,
    List<String> notes) {

  /** Checks what belongs together. */
  public FeatureInput {
    Objects.requireNonNull(sae, "sae");
    if (activations.isPresent() == codes.isPresent()) {
      throw new IllegalArgumentException(
          "features: expected activations or codes, got " + (codes.isPresent() ? "both" : "none"));
    }
    if (compared.isPresent() && compared.get().config().dOut() != sae.config().dOut()) {
      throw new IllegalArgumentException(
          "compared: expected directions of width "
              + sae.config().dOut()
              + ", got "
              + compared.get().config().dOut());
    }
    if (activations.isPresent()
        && sae.config().transcoder()
        && activations.get().width() == activations.get().inputWidth()) {
      throw new IllegalArgumentException(
          "activations: expected pairs with the rows that the transcoder's output approximates, got"
              + " inputs alone; features of codes that encode has written need none");
    }
    if (leftOut.isPresent()
        && (activations.isEmpty() || activations.get().rows() > leftOut.get().keptRows())) {
      throw new IllegalArgumentException(
          "left out: expected activations of at most the "
              + leftOut.get().keptRows()
              + " rows that are kept, got "
              + (activations.isEmpty() ? "codes" : activations.get().rows()));
    }
    texts = List.copyOf(texts);
    notes = List.copyOf(notes);
  }

  /**
   * Rows that the SAE encodes.
   *
   * @param sae the dictionary
   * @param activations rows of width {@code d_in}
   * @return without texts, labels and comparison
   */
  public static FeatureInput of(SparseAutoencoder sae, ActivationSource activations) {
    return of(sae, Optional.of(activations), Optional.empty());
  }

  /**
   * Rows that are encoded already.
   *
   * @param sae the dictionary
   * @param codes a file of codes or a folder of its shards
   * @return without texts, labels and comparison
   */
  public static FeatureInput ofCodes(SparseAutoencoder sae, Path codes) {
    return of(sae, Optional.empty(), Optional.of(codes));
  }

  private static FeatureInput of(
      SparseAutoencoder sae, Optional<ActivationSource> activations, Optional<Path> codes) {
    return new FeatureInput(
        sae,
        activations,
        Optional.empty(),
        codes,
        List.of(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        "",
        Optional.empty(),
        List.of());
  }

  /**
   * How many rows of the files the page may show, from the first on.
   *
   * @return the rows up to the last that is encoded; of codes {@link Long#MAX_VALUE}, as many as
   *     they are
   */
  public long span() {
    if (activations.isEmpty()) {
      return Long.MAX_VALUE;
    }
    long rows = activations.get().rows();
    return leftOut.isPresent() && rows > 0 ? leftOut.get().keptRow(rows - 1) + 1 : rows;
  }

  /**
   * Of rows that a mask keeps.
   *
   * @param mask keeps the rows of the activations first
   * @return a copy
   */
  public FeatureInput leavingOut(RowMask mask) {
    return new FeatureInput(
        sae,
        activations,
        Optional.of(mask),
        codes,
        texts,
        vocabulary,
        labels,
        compared,
        comparedName,
        neuronpedia,
        notes);
  }

  /**
   * With what rows stand for, in one file that stands for all rows of the activations or codes. If
   * those are the first of more, {@link #texts(List, Optional)} says of how many.
   *
   * @param file the texts
   * @param words what numbers of tokens stand for, where they are numbers
   * @return a copy
   */
  public FeatureInput texts(Path file, Optional<Path> words) {
    return texts(List.of(Shard.all(file)), words);
  }

  /**
   * With what rows stand for.
   *
   * @param files the texts, of one file or of each shard, in the order of their rows
   * @param words what numbers of tokens stand for, where they are numbers
   * @return a copy
   */
  public FeatureInput texts(List<Shard> files, Optional<Path> words) {
    return new FeatureInput(
        sae,
        activations,
        leftOut,
        codes,
        files,
        words,
        labels,
        compared,
        comparedName,
        neuronpedia,
        notes);
  }

  /**
   * With names of latents.
   *
   * @param file JSON
   * @return a copy
   */
  public FeatureInput labels(Path file) {
    return new FeatureInput(
        sae,
        activations,
        leftOut,
        codes,
        texts,
        vocabulary,
        Optional.of(file),
        compared,
        comparedName,
        neuronpedia,
        notes);
  }

  /**
   * With a dictionary to compare with.
   *
   * @param other of the same width; stays open as long as the page is written
   * @param name how the page calls it
   * @return a copy
   */
  public FeatureInput comparedWith(SparseAutoencoder other, String name) {
    return new FeatureInput(
        sae,
        activations,
        leftOut,
        codes,
        texts,
        vocabulary,
        labels,
        Optional.of(other),
        name,
        neuronpedia,
        notes);
  }

  /**
   * With a file for Neuronpedia.
   *
   * @param file is replaced
   * @return a copy
   */
  public FeatureInput neuronpedia(Path file) {
    return new FeatureInput(
        sae,
        activations,
        leftOut,
        codes,
        texts,
        vocabulary,
        labels,
        compared,
        comparedName,
        Optional.of(file),
        notes);
  }

  /**
   * With what the page should say about its rows.
   *
   * @param lines one line each
   * @return a copy
   */
  public FeatureInput noted(List<String> lines) {
    return new FeatureInput(
        sae,
        activations,
        leftOut,
        codes,
        texts,
        vocabulary,
        labels,
        compared,
        comparedName,
        neuronpedia,
        lines);
  }
}
