package io.github.sae4j.internal.json;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The outermost {@code key: value} lines of a YAML file, for configurations of a few plain values.
 * Blocks below a key (lists, mappings, long texts) are skipped. Constructs that a line reader could
 * misunderstand are refused: tabs before text, anchors, aliases, tags, flow collections, several
 * documents.
 */
public final class FlatYaml {
  private static final int MAX_BYTES = 1 << 20;

  private static final Pattern LINE =
      Pattern.compile("([A-Za-z_][A-Za-z0-9_.-]*)\\s*:(?:\\s+(.*))?");
  private static final Pattern QUOTED =
      Pattern.compile("(?:'((?:[^']|'')*)'|\"([^\"\\\\]*)\")\\s*(?:#.*)?");

  private FlatYaml() {}

  /**
   * Reads a file.
   *
   * @param file the file, of at most 1 MiB
   * @return texts by key, without quotes, in the order of the file; keys of blocks have an empty
   *     text
   * @throws BadFileException if the file is missing, too large or written in a way described above
   * @throws IOException if reading fails
   */
  public static Map<String, String> read(Path file) throws IOException {
    Map<String, String> members = new LinkedHashMap<>();
    int number = 0;
    for (String line : text(file).split("\r?\n", -1)) {
      number++;
      boolean inner = line.startsWith(" ") || line.startsWith("- ") || line.equals("-");
      boolean first = number == 1 && line.stripTrailing().equals("---");
      if (line.isBlank() || line.startsWith("#") || inner || first) {
        continue;
      }
      Matcher parts = LINE.matcher(line.stripTrailing());
      if (!parts.matches()) {
        throw new BadFileException(file, "line " + number + ": expected 'key: value'");
      }
      String value = value(file, number, parts.group(2) == null ? "" : parts.group(2).strip());
      if (members.put(parts.group(1), value) != null) {
        throw new BadFileException(
            file, "line " + number + ": duplicate key '" + parts.group(1) + "'");
      }
    }
    return Collections.unmodifiableMap(members);
  }

  private static String value(Path file, int number, String raw) throws BadFileException {
    Matcher quoted = QUOTED.matcher(raw);
    if (quoted.matches()) {
      return quoted.group(1) != null ? quoted.group(1).replace("''", "'") : quoted.group(2);
    }
    if (raw.startsWith("#")) {
      return "";
    }
    if (!raw.isEmpty() && "&*!{[\"'%@`?".indexOf(raw.charAt(0)) >= 0) {
      throw new BadFileException(
          file, "line " + number + ": expected a plain or quoted text on one line");
    }
    boolean block = raw.startsWith("|") || raw.startsWith(">");
    return block ? "" : raw.replaceFirst("\\s+#.*", "").strip();
  }

  private static String text(Path file) throws IOException {
    try (FileSource source = FileSource.open(file)) {
      if (source.size() > MAX_BYTES) {
        throw new BadFileException(
            file, "expected YAML of at most " + MAX_BYTES + " bytes, got " + source.size());
      }
      byte[] bytes = new byte[(int) source.size()];
      source.read(0, MemorySegment.ofArray(bytes));
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new BadFileException(file, "expected UTF-8", e);
    }
  }
}
