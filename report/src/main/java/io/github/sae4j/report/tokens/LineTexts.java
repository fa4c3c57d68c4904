package io.github.sae4j.report.tokens;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.json.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Texts in a file of lines. JSON lines: {@code tokens}, the tokens of a sequence as texts or
 * numbers, with {@code row0}, the row of the first in this file or among all shards (else rows go
 * on), and {@code source}; or {@code text}, one text a row. Any other file: a line is the text of a
 * row. The file stays on disk; an index of the lines that the wanted rows need is kept.
 */
final class LineTexts implements Texts {
  private static final int SAMPLED_TOKENS = 20_000;
  private static final int MOST_SOURCES = 10_000;

  /** A line is held whole while it is read. */
  private static final int MOST_LINE_BYTES = 1 << 24;

  private final Path path;
  private RandomAccessFile file;
  private final boolean json;
  private final Optional<Vocabulary> vocabulary;

  /** By line: first row, number of rows, byte where it begins, bytes, source. */
  private long[] firstRows = new long[1024];

  private int[] counts = new int[1024];
  private long[] offsets = new long[1024];
  private int[] lengths = new int[1024];
  private int[] sources = new int[1024];
  private int lines;

  /** What rows are counted from; the shard's first row where they are counted over all. */
  private long counted;

  private final List<String> sourceNames = new ArrayList<>();
  private final Map<String, Integer> sourceIds = new LinkedHashMap<>();
  private TokenStyle style = TokenStyle.WORDS;
  private boolean tokens;
  private int cachedLine = -1;
  private List<String> cached = List.of();

  private LineTexts(Path path, boolean json, Optional<Vocabulary> vocabulary) {
    this.path = path;
    this.json = json;
    this.vocabulary = vocabulary;
  }

  static LineTexts open(Shard shard, Optional<Vocabulary> vocabulary, long rows)
      throws IOException {
    Path path = shard.file();
    boolean json = path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".jsonl");
    if (!Files.isRegularFile(path)) {
      throw new BadFileException(path, "expected a file of tokens or texts, found none");
    }
    LineTexts texts = new LineTexts(path, json, vocabulary);
    texts.index(shard.firstRow(), rows);
    return texts;
  }

  private void index(long shardStart, long rows) throws IOException {
    Set<String> sampled = new LinkedHashSet<>();
    long at = 0;
    try (InputStream in = new BufferedInputStream(Files.newInputStream(path), 1 << 16)) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      for (int next = in.read(); rows() < rows || lines == 0; next = in.read()) {
        if (next >= 0 && next != '\n') {
          if (line.size() == MOST_LINE_BYTES) {
            throw bad("expected at most " + MOST_LINE_BYTES + " bytes, found more");
          }
          line.write(next);
          continue;
        }
        if (next < 0 && line.size() == 0) {
          break;
        }
        byte[] bytes = line.toByteArray();
        if (!json || !new String(bytes, StandardCharsets.UTF_8).isBlank()) {
          add(bytes, at, sampled);
          if (lines == 1) {
            begin(shardStart, rows);
          }
        }
        at += bytes.length + 1L;
        line.reset();
        if (next < 0) {
          break;
        }
      }
    }
    if (lines == 0) {
      throw new BadFileException(path, "expected tokens or texts, found no line");
    }
    style = TokenStyle.of(sampled);
  }

  /** The rows of a shard may be counted over all of them. */
  private void begin(long shardStart, long rows) throws BadFileException {
    if (firstRows[0] == shardStart) {
      counted = shardStart;
      firstRows[0] = 0;
    } else if (shardStart > 0 && firstRows[0] >= rows) {
      long found = firstRows[0];
      lines = 0;
      throw bad("row0: expected less than " + rows + ", or " + shardStart + ", got " + found);
    }
  }

  private void add(byte[] bytes, long at, Set<String> sampled) throws BadFileException {
    if (lines == firstRows.length) {
      int room = 2 * lines;
      firstRows = Arrays.copyOf(firstRows, room);
      counts = Arrays.copyOf(counts, room);
      offsets = Arrays.copyOf(offsets, room);
      lengths = Arrays.copyOf(lengths, room);
      sources = Arrays.copyOf(sources, room);
    }
    long expected = rows();
    long first = expected;
    int count = 1;
    int source = -1;
    if (json) {
      Object value = Json.parse(path, bytes);
      if (value instanceof Map<?, ?> members) {
        if (members.get("row0") instanceof Long row0) {
          first = row0 - counted;
        }
        if (members.get("source") instanceof String name) {
          source = source(name);
        }
        if (members.get("tokens") instanceof List<?> all) {
          count = all.size();
          tokens = true;
          for (Object token : all) {
            if (sampled.size() < SAMPLED_TOKENS && token instanceof String text) {
              sampled.add(text);
            }
          }
        } else if (!(members.get("text") instanceof String)) {
          throw bad("expected the member tokens, a list, or text");
        }
      } else if (!(value instanceof String)) {
        throw bad("expected an object or a text");
      }
    }
    if (first < expected) {
      throw bad("row0: expected at least " + expected + ", got " + first);
    }
    firstRows[lines] = first;
    counts[lines] = count;
    offsets[lines] = at;
    lengths[lines] = bytes.length;
    sources[lines] = source;
    lines++;
  }

  private BadFileException bad(String problem) {
    return new BadFileException(path, "line " + (lines + 1) + ": " + problem);
  }

  private int source(String name) {
    Integer known = sourceIds.get(name);
    if (known != null) {
      return known;
    }
    if (sourceNames.size() == MOST_SOURCES) {
      return -1;
    }
    sourceNames.add(TokenStyle.clipped(name));
    sourceIds.put(name, sourceNames.size() - 1);
    return sourceNames.size() - 1;
  }

  @Override
  public long rows() {
    return lines == 0 ? 0 : firstRows[lines - 1] + counts[lines - 1];
  }

  @Override
  public boolean tokens() {
    return tokens;
  }

  /** The line of a row; -1 if the row lies between lines. */
  private int line(long row) {
    int found = Arrays.binarySearch(firstRows, 0, lines, row);
    int at = found >= 0 ? found : -found - 2;
    // Lines without tokens begin where the next one does.
    while (at >= 0 && at + 1 < lines && firstRows[at + 1] == row) {
      at++;
    }
    return at >= 0 && row < firstRows[at] + counts[at] ? at : -1;
  }

  @Override
  public Sequence sequence(long row) {
    int line = line(row);
    return line < 0
        ? new Sequence(row, 1, "")
        : new Sequence(
            firstRows[line], counts[line], sources[line] < 0 ? "" : sourceNames.get(sources[line]));
  }

  @Override
  public String[] read(long first, int count) throws IOException {
    int line = line(first);
    if (line < 0) {
      String[] none = new String[count];
      Arrays.fill(none, " ?");
      return none;
    }
    if (line != cachedLine) {
      byte[] bytes = new byte[lengths[line]];
      if (file == null) {
        file = new RandomAccessFile(path.toFile(), "r");
      }
      file.seek(offsets[line]);
      file.readFully(bytes);
      cached = shown(bytes);
      cachedLine = line;
    }
    int from = (int) (first - firstRows[line]);
    return cached.subList(from, from + count).toArray(String[]::new);
  }

  private List<String> shown(byte[] line) throws IOException {
    if (!json) {
      return List.of(TokenStyle.clipped(new String(line, StandardCharsets.UTF_8).stripTrailing()));
    }
    Object value = Json.parse(path, line);
    if (value instanceof String text) {
      return List.of(TokenStyle.clipped(text));
    }
    Map<?, ?> members = (Map<?, ?>) value;
    if (!(members.get("tokens") instanceof List<?> all)) {
      return List.of(TokenStyle.clipped((String) members.get("text")));
    }
    List<String> shown = new ArrayList<>();
    for (Object token : all) {
      shown.add(
          switch (token) {
            case String text -> style.shown(text);
            case Long number when vocabulary.isPresent() -> vocabulary.get().shown(number);
            case null, default -> " #" + token;
          });
    }
    return shown;
  }

  @Override
  public void rest() throws IOException {
    if (file != null) {
      file.close();
      file = null;
    }
  }

  @Override
  public void close() throws IOException {
    rest();
  }
}
