package io.github.sae4j.formats;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.TensorColumns;
import io.github.sae4j.memory.ElementType;
import java.io.BufferedInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A file of JSON values one after the other, which need not be a line each. */
final class JsonLines implements TensorColumns {
  /** The name of the column where lines are bare arrays. */
  private static final String BARE = "rows";

  private static final int MOST_WIDTH = 1 << 24;
  private static final int MOST_COLUMNS = 1000;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxNumberLength(1000)
                  .maxNameLength(1000)
                  .build())
          .build();

  private final Map<Column, HeldValues> columns = new LinkedHashMap<>();

  private JsonLines() {}

  /** Counts the lines, and finds which members are rows. */
  static JsonLines open(Path path) throws IOException {
    List<String> names = new ArrayList<>();
    List<Integer> widths = new ArrayList<>();
    try (Lines first = new Lines(path)) {
      if (!first.next()) {
        throw new BadFileException(path, "expected JSON lines, got no line");
      }
      first.members(names, widths);
    }
    if (names.isEmpty()) {
      throw new BadFileException(
          path, "expected a line that is an array of numbers or has one, the first has none");
    }
    long rows = 0;
    try (Lines all = new Lines(path)) {
      while (all.next()) {
        all.skip();
        rows++;
      }
    }
    JsonLines lines = new JsonLines();
    for (int i = 0; i < names.size(); i++) {
      String name = names.get(i);
      int width = widths.get(i);
      Column column = new Column(name, ElementType.F32, List.of(rows, (long) width));
      lines.columns.put(
          column,
          new HeldValues(
              path,
              "'" + name + "'",
              Math.multiplyExact(rows, (long) width * Float.BYTES),
              () -> new Pass(path, name, width)));
    }
    return lines;
  }

  @Override
  public List<Column> columns() {
    return List.copyOf(columns.keySet());
  }

  @Override
  public Map<String, String> others() {
    return Map.of();
  }

  @Override
  public long held(Column column) {
    return columns.get(column).held();
  }

  @Override
  public void read(Column column, long position, MemorySegment target) throws IOException {
    columns.get(column).read(position, target);
  }

  @Override
  public void close() throws IOException {
    for (HeldValues values : columns.values()) {
      values.close();
    }
  }

  /** Rows of one member, as bytes. */
  private static final class Pass implements HeldValues.Decoder {
    private final Lines lines;
    private final String name;
    private final float[] row;
    private int next;

    Pass(Path path, String name, int width) throws IOException {
      lines = new Lines(path);
      this.name = name;
      row = new float[width];
      next = width;
    }

    @Override
    public void next(MemorySegment target) throws IOException {
      for (long at = 0; at < target.byteSize(); at += Float.BYTES) {
        if (next == row.length) {
          lines.row(name, row);
          next = 0;
        }
        target.set(FLOAT, at, row[next++]);
      }
    }

    @Override
    public void close() throws IOException {
      lines.close();
    }
  }

  /** A parser and what is wrong with what it parses. */
  private static final class Lines implements AutoCloseable {
    private final Path path;
    private final JsonParser parser;
    private long line;

    Lines(Path path) throws IOException {
      this.path = path;
      parser = JSON.createParser(new BufferedInputStream(Files.newInputStream(path)));
    }

    /** Goes to the next line's value; false at the end. */
    boolean next() throws IOException {
      JsonToken token = token();
      line++;
      if (token != null && token != JsonToken.START_ARRAY && token != JsonToken.START_OBJECT) {
        throw bad("expected an array of numbers or an object, got " + token);
      }
      return token != null;
    }

    private JsonToken token() throws IOException {
      try {
        return parser.nextToken();
      } catch (JacksonException e) {
        throw bad("expected JSON: " + e.getOriginalMessage());
      } catch (CharConversionException e) {
        throw bad("expected UTF-8: " + e.getMessage());
      }
    }

    void skip() throws IOException {
      try {
        parser.skipChildren();
      } catch (JacksonException e) {
        throw bad("expected JSON: " + e.getOriginalMessage());
      } catch (CharConversionException e) {
        throw bad("expected UTF-8: " + e.getMessage());
      }
      if (!parser.hasCurrentToken()
          || parser.currentToken() != JsonToken.END_ARRAY
              && parser.currentToken() != JsonToken.END_OBJECT) {
        throw bad("ends within a line");
      }
    }

    /** Which members of this line are arrays of numbers, and how long they are. */
    void members(List<String> names, List<Integer> widths) throws IOException {
      if (parser.currentToken() == JsonToken.START_ARRAY) {
        int count = numbers(null, BARE);
        names.add(BARE);
        widths.add(count);
        return;
      }
      while (token() != JsonToken.END_OBJECT) {
        if (parser.currentToken() == null) {
          throw bad("ends within a line");
        }
        String name = parser.currentName();
        if (token() == JsonToken.START_ARRAY) {
          int count = isNumbers();
          if (count > 0) {
            if (names.contains(name) || names.size() == MOST_COLUMNS) {
              throw bad("expected at most " + MOST_COLUMNS + " members of distinct names");
            }
            names.add(name);
            widths.add(count);
          }
        } else {
          skipNested();
        }
      }
    }

    /** The length of an array of numbers; 0 if it is of something else. */
    private int isNumbers() throws IOException {
      int count = 0;
      boolean numbers = true;
      while (token() != JsonToken.END_ARRAY) {
        if (parser.currentToken() == null) {
          throw bad("ends within a line");
        }
        numbers &= parser.currentToken().isNumeric();
        skipNested();
        count++;
      }
      if (numbers && count > MOST_WIDTH) {
        throw bad("expected at most 2^24 numbers");
      }
      return numbers ? count : 0;
    }

    private void skipNested() throws IOException {
      if (parser.hasCurrentToken() && parser.currentToken().isStructStart()) {
        skip();
      }
    }

    /** Reads the next line's row. */
    void row(String name, float[] row) throws IOException {
      if (!next()) {
        throw bad("ends early: the file has become shorter");
      }
      if (parser.currentToken() == JsonToken.START_ARRAY) {
        if (!name.equals(BARE)) {
          throw bad("expected an object with '" + name + "', got an array");
        }
        numbers(row, name);
        return;
      }
      boolean found = false;
      while (token() != JsonToken.END_OBJECT) {
        if (parser.currentToken() == null) {
          throw bad("ends within a line");
        }
        boolean here = parser.currentName().equals(name);
        JsonToken value = token();
        if (here && value == JsonToken.START_ARRAY && !found) {
          numbers(row, name);
          found = true;
        } else if (value != null && value.isStructStart()) {
          skip();
        }
      }
      if (!found) {
        throw bad("expected an array '" + name + "' of " + row.length + " numbers, got none");
      }
    }

    /** Reads an array of numbers, into {@code row} if there is one; returns how many. */
    private int numbers(float[] row, String name) throws IOException {
      int count = 0;
      while (token() != JsonToken.END_ARRAY) {
        if (parser.currentToken() == null) {
          throw bad("ends within a line");
        }
        if (!parser.currentToken().isNumeric()) {
          throw bad("'" + name + "': expected numbers, got " + parser.currentToken());
        }
        if (count == (row == null ? MOST_WIDTH : row.length)) {
          throw bad("'" + name + "': expected " + count + " numbers, got more");
        }
        if (row != null) {
          row[count] = number(name);
        }
        count++;
      }
      if (row != null && count < row.length) {
        throw bad("'" + name + "': expected " + row.length + " numbers, got " + count);
      }
      if (count == 0) {
        throw bad("'" + name + "': expected numbers, got none");
      }
      return count;
    }

    /** From its decimal digits, so that it is rounded once. */
    private float number(String name) throws IOException {
      try {
        return Float.parseFloat(parser.getText());
      } catch (NumberFormatException e) {
        throw bad("'" + name + "': expected a number, got " + parser.getText());
      }
    }

    private BadFileException bad(String problem) {
      return new BadFileException(path, "line " + Math.max(1, line) + ": " + problem);
    }

    @Override
    public void close() throws IOException {
      parser.close();
    }
  }
}
