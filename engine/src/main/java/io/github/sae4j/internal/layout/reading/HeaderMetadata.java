package io.github.sae4j.internal.layout.reading;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.sae.SaeMetadata;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An SAE's metadata in the header of its weights, for layouts that have no other place for it:
 * their own libraries ignore it.
 */
public final class HeaderMetadata {
  private static final String KEY = "sae4j_metadata";

  private HeaderMetadata() {}

  /**
   * Reads a header.
   *
   * @param path the file, for messages
   * @param header its free text
   * @return the metadata; none if the header has no metadata of ours
   * @throws BadFileException if it is damaged
   */
  public static SaeMetadata read(Path path, Map<String, String> header) throws BadFileException {
    String text = header.get(KEY);
    if (text == null) {
      return SaeMetadata.NONE;
    }
    if (!(Json.parse(path, text.getBytes(StandardCharsets.UTF_8)) instanceof Map<?, ?> read)) {
      throw new BadFileException(path, KEY + ": expected a JSON object, got " + text);
    }
    Map<String, Object> members = new LinkedHashMap<>();
    read.forEach((key, value) -> members.put((String) key, value));
    return SaeMetadata.of(members);
  }

  /**
   * Creates a header.
   *
   * @param metadata the metadata
   * @return free text by key; empty for none
   */
  @SuppressWarnings("unchecked") // a copy of a map of strings
  public static Map<String, String> of(SaeMetadata metadata) {
    Map<String, Object> members = metadata.toMap();
    return members.isEmpty()
        ? Map.of()
        : Map.of(KEY, Json.line((Map<String, Object>) Json.finite(members, number -> null)));
  }
}
