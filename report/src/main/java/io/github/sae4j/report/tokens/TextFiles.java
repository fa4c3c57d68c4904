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
   *     one text a row, or files of tensors with one called {@code token_ids}, {@code input_ids} or
   *     {@code tokens}
   * @param vocabulary what numbers of tokens stand for
   * @param rows how many rows' texts are wanted; no more than needed is read for them
   * @throws BadFileException if a file holds no texts, or those of fewer rows, or of more than lie
   *     before the next file's
   * @throws IOException if reading fails
   */
  public static Texts open(List<Shard> files, Optional<Path> vocabulary, long rows)
      throws IOException {
    Optional<Vocabulary> words =
        vocabulary.isPresent() ? Optional.of(Vocabulary.read(vocabulary.get())) : Optional.empty();
    List<Texts> parts = new ArrayList<>();
    List<Long> starts = new ArrayList<>();
    try {
      for (int i = 0; i < files.size() && (i == 0 || files.get(i).firstRow() < rows); i++) {
        long first = files.get(i).firstRow();
        long end = i + 1 < files.size() ? files.get(i + 1).firstRow() : Long.MAX_VALUE;
        Texts part = open(files.get(i).file(), words, Math.min(rows, end) - first);
        parts.add(part);
        starts.add(first);
        expect(files.get(i).file(), part.rows(), Math.min(rows, end) - first, end - first);
      }
    } catch (Throwable e) {
      closeAll(parts);
      throw e;
    }
    if (parts.size() == 1) {
      return parts.getFirst();
    }
    starts.add(Math.min(rows, starts.getLast() + parts.getLast().rows()));
    return new JoinedTexts(parts, starts.stream().mapToLong(Long::longValue).toArray());
  }

  private static void expect(Path file, long found, long least, long most) throws IOException {
    if (found < least || found > most) {
      throw new BadFileException(
          file,
          "expected tokens or texts of "
              + (most == Long.MAX_VALUE || least < most ? "at least " + least : "the " + most)
              + " rows, got "
              + found);
    }
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

  private static Texts open(Path path, Optional<Vocabulary> words, long rows) throws IOException {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".jsonl") || name.endsWith(".txt") || name.endsWith(".tsv")) {
      return LineTexts.open(path, words, rows);
    }
    TensorFile file = TensorFile.open(path);
    try {
      TensorInfo tensor =
          TensorTexts.find(file)
              .orElseThrow(
                  () ->
                      new BadFileException(
                          path,
                          "expected a tensor of integers called "
                              + String.join(", ", TOKEN_TENSORS)));
      return new TensorTexts(file, tensor, words);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /**
   * Looks for texts beside each of several files of activations.
   *
   * @param activations the files, and the row that each begins with, in ascending order
   * @return theirs; empty if one of them has none
   */
  public static List<Shard> beside(List<Shard> activations) {
    List<Shard> found = new ArrayList<>();
    for (Shard each : activations) {
      Optional<Path> texts = beside(each.file());
      if (texts.isEmpty()) {
        return List.of();
      }
      found.add(new Shard(texts.get(), each.firstRow()));
    }
    return found;
  }

  /**
   * Looks for texts beside a file of activations: {@code x.tokens.jsonl}, {@code x.texts.jsonl} or
   * {@code x.texts.txt} beside {@code x.safetensors}; or tokens inside it.
   *
   * @param activations the file
   * @return the file that holds them, if there is one
   */
  public static Optional<Path> beside(Path activations) {
    String name = activations.getFileName().toString();
    int dot = name.lastIndexOf('.');
    String plain = dot < 1 ? name : name.substring(0, dot);
    for (String end : SIDECARS) {
      Path file = activations.resolveSibling(plain + end);
      if (Files.isRegularFile(file)) {
        return Optional.of(file);
      }
    }
    try (TensorFile file = TensorFile.open(activations)) {
      return file.named() && TensorTexts.find(file).isPresent()
          ? Optional.of(activations)
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
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
