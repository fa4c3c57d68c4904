package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Opens the texts of rows, and finds those that lie beside activations. */
public final class TextFiles {
  /** Ends of the names of files beside activations, in the order in which they are looked for. */
  private static final List<String> SIDECARS =
      List.of(".tokens.jsonl", ".texts.jsonl", ".texts.txt");

  /** Names that tools give tensors of tokens, in the order in which they are looked for. */
  public static final List<String> TOKEN_TENSORS = List.of("token_ids", "input_ids", "tokens");

  private TextFiles() {}

  /**
   * Opens the texts of the first rows.
   *
   * @param files in the order of their rows, the first from row 0 on: JSON lines, text files with
   *     one text a row, files of tensors with one called {@code token_ids}, {@code input_ids} or
   *     {@code tokens}, or Parquet or Arrow files with a column of texts
   * @param vocabulary what numbers of tokens stand for
   * @param rows how many rows' texts are wanted; no more than needed is read for them. Where a file
   *     does not say how many rows it stands for, these are all there are
   * @throws BadFileException if a file holds no texts, or those of fewer rows (what it holds beyond
   *     its rows is not read); if it holds a list of tokens for each row, or lists of tokens and
   *     texts of which none is of so many rows
   * @throws IOException if reading fails
   */
  public static Texts open(List<Shard> files, Optional<Path> vocabulary, long rows)
      throws IOException {
    Optional<Vocabulary> words =
        vocabulary.isPresent() ? Optional.of(Vocabulary.read(vocabulary.get())) : Optional.empty();
    List<Texts> parts = new ArrayList<>();
    List<Long> starts = new ArrayList<>();
    try {
      for (Shard each : files) {
        if (each.firstRow() >= rows && !parts.isEmpty()) {
          break;
        }
        long wanted = Math.min(each.rows(), rows - each.firstRow());
        parts.add(open(each, words, wanted));
        starts.add(each.firstRow());
        if (parts.getLast().rows() < wanted) {
          throw new BadFileException(
              each.file(),
              "expected tokens or texts of " + wanted + " rows, got " + parts.getLast().rows());
        }
      }
    } catch (Throwable e) {
      closeAll(parts);
      throw e;
    }
    if (parts.size() == 1) {
      return parts.getFirst();
    }
    starts.add(rows);
    return new JoinedTexts(parts, starts.stream().mapToLong(Long::longValue).toArray());
  }

  static void closeAll(List<Texts> parts) throws IOException {
    IOException failure = null;
    for (Texts part : parts) {
      try {
        part.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static Texts open(Shard shard, Optional<Vocabulary> words, long wanted)
      throws IOException {
    Path path = shard.file();
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".jsonl") || name.endsWith(".txt") || name.endsWith(".tsv")) {
      return LineTexts.open(shard, words, wanted);
    }
    long rows = shard.rows() == Long.MAX_VALUE ? wanted : shard.rows();
    Optional<TensorInfo> tokens;
    try (TensorFile file = TensorFile.open(path)) {
      tokens = TensorTexts.find(file);
    }
    Optional<ColumnTexts> texts = ColumnTexts.open(path, wanted);
    if (tokens.isEmpty() && texts.isEmpty()) {
      throw new BadFileException(
          path,
          "expected a tensor of integers called "
              + String.join(", ", TOKEN_TENSORS)
              + ", or a column of texts");
    }
    if (tokens.isEmpty() || (texts.isPresent() && textsAreMeant(path, tokens.get(), rows))) {
      return texts.get();
    }
    expectOneARow(path, tokens.get(), rows);
    return new TensorTexts(path, tokens.get(), words);
  }

  /**
   * Whether rows are those of the texts of a file that has tokens too. A list of tokens for each
   * text has more rows than texts: which are meant shows in the number of rows.
   */
  private static boolean textsAreMeant(Path path, TensorInfo tokens, long rows)
      throws BadFileException {
    long texts = tokens.shape().getFirst();
    if (tokens.shape().size() == 1 || tokens.elements() == 0) {
      return true;
    }
    if (tokens.elements() == rows || tokens.elements() == texts || rows > texts) {
      return false;
    }
    if (rows == texts) {
      return true;
    }
    throw new BadFileException(
        path,
        "expected "
            + texts
            + " rows, which are its texts, or from "
            + (texts + 1)
            + " to "
            + tokens.elements()
            + ", which are the tokens of '"
            + tokens.name()
            + "', got "
            + rows);
  }

  /** A list of tokens for each row says nothing of the row itself: one of them would be shown. */
  private static void expectOneARow(Path path, TensorInfo tokens, long rows)
      throws BadFileException {
    if (tokens.shape().size() > 1
        && tokens.shape().getFirst() == rows
        && tokens.elements() != rows) {
      throw new BadFileException(
          path,
          "tensor '"
              + tokens.name()
              + "': expected one token for each of "
              + rows
              + " rows, got lists of "
              + tokens.shape().getLast());
    }
  }

  /**
   * Looks for texts of files of activations: {@code x.tokens.jsonl}, {@code x.texts.jsonl} or
   * {@code x.texts.txt} beside {@code x.safetensors}; or tokens or texts inside it, one for each
   * row.
   *
   * @param activations the files
   * @param rows how many rows' texts are wanted, from the first on
   * @return theirs; empty if one of them has none
   */
  public static List<Shard> beside(List<Shard> activations, long rows) {
    List<Shard> found = new ArrayList<>();
    for (Shard each : activations) {
      if (each.firstRow() >= rows) {
        break;
      }
      Optional<Path> texts = sidecar(each.file()).or(() -> inside(each));
      if (texts.isEmpty()) {
        return List.of();
      }
      found.add(new Shard(texts.get(), each.firstRow(), each.rows()));
    }
    return found;
  }

  private static Optional<Path> inside(Shard activations) {
    Path path = activations.file();
    try (TensorFile file = TensorFile.open(path)) {
      boolean tokens =
          file.named()
              && TensorTexts.find(file)
                  .filter(tensor -> tensor.elements() == activations.rows())
                  .isPresent();
      boolean inside = tokens || ColumnTexts.liesIn(path, activations.rows());
      return inside ? Optional.of(path) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Looks for a file of texts beside a file of activations.
   *
   * @param activations the file
   * @return {@code x.tokens.jsonl}, {@code x.texts.jsonl} or {@code x.texts.txt}, if there is one
   */
  public static Optional<Path> sidecar(Path activations) {
    String name = activations.getFileName().toString();
    int dot = name.lastIndexOf('.');
    String plain = dot < 1 ? name : name.substring(0, dot);
    return SIDECARS.stream()
        .map(end -> activations.resolveSibling(plain + end))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /**
   * Looks for a vocabulary in the folder of a file: {@code tokenizer.json}, {@code vocab.json} or
   * {@code vocab.txt}.
   *
   * @param beside the file
   * @return the vocabulary, if there is one
   */
  public static Optional<Path> vocabularyBeside(Path beside) {
    for (String name : List.of("tokenizer.json", "vocab.json", "vocab.txt")) {
      Path file = beside.resolveSibling(name);
      if (Files.isRegularFile(file)) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }
}
