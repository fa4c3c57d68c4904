package io.github.sae4j.report.features;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What people or tools call latents.
 *
 * @param texts by latent
 */
public record Labels(Map<Integer, String> texts) {
  /** None. */
  public static final Labels NONE = new Labels(Map.of());

  private static final int MOST_BYTES = 1 << 27;

  /** Names that tools give a text, and the number of its latent. */
  private static final List<String> TEXTS = List.of("label", "description", "explanation", "text");

  private static final List<String> NUMBERS =
      List.of("feature", "latent", "index", "feature_index");

  /**
   * Reads labels: an object from a latent's number to its text, or to an object with one; or a list
   * of objects with both.
   *
   * @param file the file
   * @param latents how many there are
   * @throws BadFileException if it is of another form, or a number is no latent's
   * @throws IOException if reading fails
   */
  public static Labels read(Path file, int latents) throws IOException {
    Map<Integer, String> texts = new TreeMap<>();
    switch (Json.read(file, MOST_BYTES)) {
      case Map<?, ?> members -> {
        for (Map.Entry<?, ?> member : members.entrySet()) {
          put(file, texts, member.getKey(), text(member.getValue()), latents);
        }
      }
      case List<?> all -> {
        for (Object each : all) {
          Object number = null;
          if (each instanceof Map<?, ?> members) {
            for (String name : NUMBERS) {
              number = number == null ? members.get(name) : number;
            }
          }
          put(file, texts, number, text(each), latents);
        }
      }
      case null, default ->
          throw new BadFileException(file, "expected an object from latents to their labels");
    }
    return new Labels(texts);
  }

  private static String text(Object value) {
    if (value instanceof String text) {
      return text;
    }
    if (value instanceof Map<?, ?> members) {
      for (String name : TEXTS) {
        if (members.get(name) instanceof String text) {
          return text;
        }
      }
    }
    return null;
  }

  private static void put(
      Path file, Map<Integer, String> texts, Object number, String text, int latents)
      throws BadFileException {
    int latent;
    try {
      latent = Integer.parseInt(String.valueOf(number));
    } catch (NumberFormatException e) {
      throw new BadFileException(file, "expected the number of a latent, got '" + number + "'", e);
    }
    if (latent < 0 || latent >= latents) {
      throw new BadFileException(file, "expected latents in [0, " + latents + "), got " + latent);
    }
    if (text == null) {
      throw new BadFileException(file, "latent " + latent + ": expected a text as its label");
    }
    texts.put(latent, text);
  }
}
