package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the numbers of tokens stand for. */
public final class Vocabulary {
  private static final int MOST_BYTES = 1 << 27;

  private final Map<Long, String> tokens;
  private final TokenStyle style;

  private Vocabulary(Map<Long, String> tokens) {
    this.tokens = tokens;
    style = TokenStyle.of(tokens.values());
  }

  /**
   * Reads a vocabulary.
   *
   * @param file {@code tokenizer.json} of Hugging Face, a JSON object of tokens and their numbers
   *     ({@code vocab.json}), or a text file with a token a line ({@code vocab.txt})
   * @throws BadFileException if it is none of these
   * @throws IOException if reading fails
   */
  public static Vocabulary read(Path file) throws IOException {
    Map<Long, String> tokens = new HashMap<>();
    if (!file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".json")) {
      long number = 0;
      for (String line : text(file).split("\r?\n")) {
        tokens.put(number++, line);
      }
      return new Vocabulary(tokens);
    }
    Map<String, Object> members = Json.readForeignObject(file, MOST_BYTES);
    Object vocabulary =
        members.get("model") instanceof Map<?, ?> model ? model.get("vocab") : members;
    switch (vocabulary) {
      case Map<?, ?> numbers ->
          numbers.forEach(
              (token, number) -> {
                if (number instanceof Long id) {
                  tokens.put(id, (String) token);
                }
              });
      case List<?> pieces -> {
        for (int i = 0; i < pieces.size(); i++) {
          if (pieces.get(i) instanceof List<?> piece
              && !piece.isEmpty()
              && piece.getFirst() instanceof String token) {
            tokens.put((long) i, token);
          }
        }
      }
      case null, default -> {}
    }
    if (members.get("added_tokens") instanceof List<?> added) {
      for (Object each : added) {
        if (each instanceof Map<?, ?> token
            && token.get("id") instanceof Long id
            && token.get("content") instanceof String content) {
          tokens.put(id, content);
        }
      }
    }
    if (tokens.isEmpty()) {
      throw new BadFileException(
          file, "expected tokens and their numbers (tokenizer.json, vocab.json), found none");
    }
    return new Vocabulary(tokens);
  }

  private static String text(Path file) throws IOException {
    if (Files.size(file) > MOST_BYTES) {
      throw new BadFileException(
          file,
          "expected a vocabulary of at most " + MOST_BYTES + " bytes, found " + Files.size(file));
    }
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new BadFileException(file, "expected a token a line in UTF-8", e);
    }
  }

  /** A token for display; one that has no name is shown as its number. */
  String shown(long number) {
    String token = tokens.get(number);
    return token == null ? " #" + number : style.shown(token);
  }
}
