package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Opens the texts of rows, and finds those that lie beside activations. */
public final class TextFiles {
  /** Ends of the names of files beside activations, in the order in which they are looked for. */
  private static final List<String> SIDECARS =
      List.of(".tokens.jsonl", ".texts.jsonl", ".texts.txt");

  private TextFiles() {}

  /**
   * Opens texts.
   *
   * @param path JSON lines, a text file with one text a row, or a file of tensors with one called
   *     {@code tokens}, {@code token_ids} or {@code input_ids}
   * @param vocabulary what numbers of tokens stand for
   * @throws BadFileException if it holds no texts
   * @throws IOException if reading fails
   */
  public static Texts open(Path path, Optional<Path> vocabulary) throws IOException {
    Optional<Vocabulary> words =
        vocabulary.isPresent() ? Optional.of(Vocabulary.read(vocabulary.get())) : Optional.empty();
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".jsonl") || name.endsWith(".txt") || name.endsWith(".tsv")) {
      return LineTexts.open(path, words);
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
                              + String.join(", ", TensorTexts.NAMES)));
      return new TensorTexts(file, tensor, words);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
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
