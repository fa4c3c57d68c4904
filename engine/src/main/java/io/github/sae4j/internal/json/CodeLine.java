package io.github.sae4j.internal.json;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * One row's sparse code as a line of JSON, {@code {"row": 0, "features": {"17": 0.42}}}: written
 * with all digits that a float needs, read back to the same bits. Not thread-safe; an instance is
 * reused for every line.
 */
public final class CodeLine {
  private static final int MOST_DIGITS = 10;

  private long row;
  private int count;
  private int[] features = new int[64];
  private float[] values = new float[64];

  /** A line that has not been read yet. */
  public CodeLine() {}

  /** The row's number. */
  public long row() {
    return row;
  }

  /** How many features it has. */
  public int count() {
    return count;
  }

  /** The features' numbers, ascending; valid up to {@link #count}. */
  public int[] features() {
    return features;
  }

  /** Their activations; valid up to {@link #count}. */
  public float[] values() {
    return values;
  }

  /**
   * Reads a line.
   *
   * @param source where it comes from, for messages
   * @param number of the line, from 1, for messages
   * @param utf8 holds it
   * @param length its bytes, from the first on
   * @throws BadFileException if it is not of this form, a feature does not follow its predecessor,
   *     or a value is not a finite float
   */
  public void read(Path source, long number, byte[] utf8, int length) throws IOException {
    row = -1;
    count = -1;
    String text = Json.decode(source, Arrays.copyOf(utf8, length));
    try (JsonParser parser = Json.parser(text)) {
      expect(parser.nextToken() == JsonToken.START_OBJECT, source, number, "an object");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        switch (name) {
          case "row" -> {
            expect(value == JsonToken.VALUE_NUMBER_INT, source, number, "row: a whole number");
            row = parser.getLongValue();
          }
          case "features" -> {
            expect(value == JsonToken.START_OBJECT, source, number, "features: an object");
            readFeatures(source, number, parser);
          }
          default -> expect(false, source, number, "row and features, got '" + name + "'");
        }
      }
      expect(parser.nextToken() == null, source, number, "one object");
      expect(row >= 0, source, number, "row: a number of at least 0");
      expect(count >= 0, source, number, "features");
    } catch (JacksonException e) {
      throw new BadFileException(
          source, "line " + number + ": " + Json.bad(source, e).getMessage(), e);
    }
  }

  private void readFeatures(Path source, long number, JsonParser parser) throws IOException {
    int at = 0;
    int before = -1;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      int feature = feature(name);
      if (feature <= before) {
        expect(false, source, number, "ascending features, got '" + name + "' after " + before);
      }
      JsonToken token = parser.nextToken();
      if (!token.isNumeric()) {
        expect(false, source, number, "feature " + name + ": a number");
      }
      // From the digits: via a double it would be rounded twice.
      float value = Float.parseFloat(parser.getText());
      if (!Float.isFinite(value)) {
        expect(false, source, number, "feature " + name + ": a finite float");
      }
      if (at == features.length) {
        features = Arrays.copyOf(features, 2 * at);
        values = Arrays.copyOf(values, 2 * at);
      }
      features[at] = feature;
      values[at] = value;
      before = feature;
      at++;
    }
    count = at;
  }

  /** The number that a name spells; −1 if it is not that of an int. */
  private static int feature(String name) {
    if (name.isEmpty() || name.length() > MOST_DIGITS) {
      return -1;
    }
    long number = 0;
    for (int i = 0; i < name.length(); i++) {
      int digit = name.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      number = 10 * number + digit;
    }
    return number > Integer.MAX_VALUE ? -1 : (int) number;
  }

  private static void expect(boolean holds, Path source, long number, String what)
      throws BadFileException {
    if (!holds) {
      throw new BadFileException(source, "line " + number + ": expected " + what);
    }
  }

  /**
   * Writes the beginning of a line.
   *
   * @param row the row's number
   * @param text receives it
   */
  public static void begin(long row, StringBuilder text) {
    text.append("{\"row\": ").append(row).append(", \"features\": {");
  }

  /**
   * Writes a feature.
   *
   * @param first whether it is the row's first
   * @param feature its number
   * @param value its activation, finite
   * @param text receives it
   */
  public static void feature(boolean first, int feature, float value, StringBuilder text) {
    text.append(first ? "\"" : ", \"").append(feature).append("\": ").append(value);
  }

  /**
   * Writes the end of a line.
   *
   * @param text receives it
   */
  public static void end(StringBuilder text) {
    text.append("}}\n");
  }
}
