package io.github.sae4j.internal.json;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.FileSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * JSON (RFC 8259) to and from plain objects: {@code Map<String, Object>} in the order of the text,
 * {@code List<Object>}, {@code String}, {@code Long}, {@code Double}, {@code Boolean} and {@code
 * null}.
 *
 * <p>Reading is strict: UTF-8 without errors, one value, no comments, no {@code NaN}, no duplicate
 * keys, no unpaired surrogates, at most {@value #MAX_DEPTH} levels. A number without fraction and
 * exponent is a {@code Long} and must fit one; any other is a finite {@code Double}.
 *
 * <p>{@link #readForeign} also accepts what Python's {@code json} writes, because members that
 * nobody reads must not prevent reading the others: {@code NaN}, {@code Infinity}, {@code
 * -Infinity} and decimals beyond a double's range are {@code Double}s that are not finite, an
 * integer beyond 64 bits is a {@code BigInteger}, an unpaired surrogate becomes U+FFFD.
 *
 * <p>Writing takes the same objects and any {@link Byte}, {@link Short}, {@link Integer} or {@link
 * Float}; every double is written so that it reads back with the same bits. Doubles that are not
 * finite are refused: see {@link #finite}.
 */
public final class Json {
  /** Deepest nesting of objects and arrays, read or written. */
  public static final int MAX_DEPTH = 64;

  private static final int MAX_NUMBER = 1000;

  /**
   * A string takes about eight bytes per character while it is read; the limit is a quarter of the
   * heap.
   */
  private static final int MOST_TEXT =
      Math.clamp(Runtime.getRuntime().maxMemory() / 32, 1 << 16, Integer.MAX_VALUE);

  // Field names of untrusted files must not fill the VM's string table.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(MAX_NUMBER)
                  .maxNameLength(MOST_TEXT)
                  .maxStringLength(MOST_TEXT)
                  .build())
          .build();

  /** What Python writes although it is not JSON. */
  private static final JsonFactory FOREIGN =
      FACTORY.rebuild().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  private Json() {}

  /**
   * Reads a file that holds one JSON value.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return the value
   * @throws BadFileException if the file is missing, too large or not strict JSON
   * @throws IOException if reading fails
   */
  public static Object read(Path file, int maxBytes) throws IOException {
    return parse(file, bytes(file, maxBytes));
  }

  private static byte[] bytes(Path file, int maxBytes) throws IOException {
    try (FileSource source = FileSource.open(file)) {
      if (source.size() > maxBytes) {
        throw new BadFileException(
            file, "expected JSON of at most " + maxBytes + " bytes, got " + source.size());
      }
      byte[] text = new byte[(int) source.size()];
      source.read(0, MemorySegment.ofArray(text));
      return text;
    }
  }

  /**
   * Reads a file that holds one JSON value, as another program may have written it.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return the value, possibly with numbers that are not finite or not a {@code Long}
   * @throws BadFileException if the file is missing, too large or not even such JSON
   * @throws IOException if reading fails
   */
  public static Object readForeign(Path file, int maxBytes) throws IOException {
    return parse(file, bytes(file, maxBytes), FOREIGN);
  }

  /**
   * Reads a file that holds one JSON object, as another program may have written it.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return its members in the order of the file
   * @throws BadFileException if the file is missing, too large or not even such a JSON object
   * @throws IOException if reading fails
   */
  public static Map<String, Object> readForeignObject(Path file, int maxBytes) throws IOException {
    return object(file, readForeign(file, maxBytes));
  }

  /**
   * A copy of a value without numbers that JSON cannot express.
   *
   * @param value a value from {@link #readForeign}
   * @param substitute stands for a double that is not finite
   * @return a copy that can be written
   */
  public static Object finite(Object value, Function<Double, Object> substitute) {
    return switch (value) {
      case Map<?, ?> members -> {
        Map<String, Object> copy = new LinkedHashMap<>();
        members.forEach((key, member) -> copy.put((String) key, finite(member, substitute)));
        yield copy;
      }
      case List<?> items -> {
        List<Object> copy = new ArrayList<>();
        items.forEach(item -> copy.add(finite(item, substitute)));
        yield copy;
      }
      case Double number when !Double.isFinite(number) -> substitute.apply(number);
      case null -> null;
      default -> value;
    };
  }

  /**
   * Reads a file that holds one JSON object.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return its members in the order of the file
   * @throws BadFileException if the file is missing, too large or not a strict JSON object
   * @throws IOException if reading fails
   */
  public static Map<String, Object> readObject(Path file, int maxBytes) throws IOException {
    return object(file, read(file, maxBytes));
  }

  private static Map<String, Object> object(Path file, Object value) throws BadFileException {
    if (!(value instanceof Map<?, ?> members)) {
      throw new BadFileException(file, "expected a JSON object, got " + kind(value));
    }
    Map<String, Object> copy = new LinkedHashMap<>();
    members.forEach((key, member) -> copy.put((String) key, member));
    return copy;
  }

  /**
   * Parses one JSON value.
   *
   * @param source where the text comes from, for messages
   * @param utf8 the text
   * @return the value
   * @throws BadFileException if the text is not strict JSON; the message gives line and column
   */
  public static Object parse(Path source, byte[] utf8) throws BadFileException {
    return parse(source, utf8, FACTORY);
  }

  private static Object parse(Path source, byte[] utf8, JsonFactory factory)
      throws BadFileException {
    try (JsonParser parser = factory.createParser(decode(source, utf8))) {
      try {
        parser.nextToken();
        Object value = value(source, parser, factory == FOREIGN, new ParseBudget(source));
        if (parser.nextToken() != null) {
          throw bad(source, parser, "expected the end of the text after the value");
        }
        return value;
      } catch (JacksonException e) {
        throw bad(source, e);
      }
    } catch (BadFileException e) {
      throw e;
    } catch (IOException e) {
      throw new UncheckedIOException("a string cannot fail to be read", e);
    }
  }

  /**
   * Writes a value on one line, as JSON Lines requires.
   *
   * @param value the value
   * @return its JSON without a line end
   * @throws IllegalArgumentException if it holds NaN, an infinity, an unpaired surrogate, an object
   *     of another class or too many levels
   */
  public static String line(Object value) {
    return write(value, false);
  }

  /**
   * Writes a value for people: members on their own lines, indented by two spaces; arrays on one
   * line.
   *
   * @param value the value
   * @return its JSON with a line end
   * @throws IllegalArgumentException if it holds NaN, an infinity, an unpaired surrogate, an object
   *     of another class or too many levels
   */
  public static String pretty(Object value) {
    return write(value, true) + "\n";
  }

  /**
   * A strict parser that decodes as it goes.
   *
   * @param utf8 the text; bytes that are not UTF-8 cause a {@link CharacterCodingException} when
   *     they are reached
   */
  public static JsonParser parser(InputStream utf8) throws IOException {
    return FACTORY.createParser(
        new InputStreamReader(
            utf8, StandardCharsets.UTF_8.newDecoder())); // this decoder reports errors
  }

  /** A strict parser of one text. */
  static JsonParser parser(String text) throws IOException {
    return FACTORY.createParser(text);
  }

  /** Decodes strictly; Jackson's own decoders accept overlong forms and surrogates. */
  public static String decode(Path source, byte[] utf8) throws BadFileException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw new BadFileException(source, "expected JSON in UTF-8, got bytes that are not", e);
    }
  }

  /** Translates the parser's message and adds the position. */
  public static BadFileException bad(Path source, JacksonException e) {
    JsonLocation at = e.getLocation();
    String place = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    // Jackson's hints refer to its own settings and classes.
    String problem =
        e instanceof StreamConstraintsException
            ? (e.getOriginalMessage().contains("nesting depth")
                ? "expected a nesting depth of at most " + MAX_DEPTH
                : e.getOriginalMessage().startsWith("Number")
                    ? "expected a number of at most " + MAX_NUMBER + " digits"
                    : "expected texts of at most "
                        + MOST_TEXT
                        + " characters, the most that the Java heap has room for (-Xmx)")
            : e.getOriginalMessage()
                .replaceFirst(" \\((start marker|from `|not recog).*", "")
                .replaceFirst(": enable `.*", "")
                .replaceFirst("(?s)\\s*\\(?`.*", "");
    return new BadFileException(source, "bad JSON" + place + ": " + problem, e);
  }

  /** Complains about the current token. */
  public static BadFileException bad(Path source, JsonParser parser, String problem) {
    JsonLocation at = parser.currentTokenLocation();
    return new BadFileException(
        source,
        "bad JSON at line " + at.getLineNr() + ", column " + at.getColumnNr() + ": " + problem);
  }

  /** The string or the field name under the parser. */
  public static String text(Path source, JsonParser parser) throws IOException {
    String text = parser.getText();
    if (hasUnpairedSurrogate(text)) {
      throw bad(source, parser, "unpaired surrogate in a string");
    }
    return text;
  }

  private static String text(Path source, JsonParser parser, boolean foreign) throws IOException {
    if (!foreign) {
      return text(source, parser);
    }
    String text = parser.getText();
    return hasUnpairedSurrogate(text) ? paired(text) : text;
  }

  private static String paired(String text) {
    StringBuilder paired = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c ->
                paired.appendCodePoint(
                    c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c));
    return paired.toString();
  }

  /** The integer under the parser. */
  public static long integer(Path source, JsonParser parser) throws IOException {
    if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      throw bad(source, parser, "expected an integer, got " + parser.currentToken());
    }
    return switch (parser.getNumberType()) {
      case INT, LONG -> parser.getLongValue();
      default -> throw bad(source, parser, "integer does not fit 64 bits");
    };
  }

  private static Object value(Path source, JsonParser parser, boolean foreign, ParseBudget budget)
      throws IOException {
    budget.spend(ParseBudget.VALUE);
    JsonToken token = parser.currentToken();
    return switch (token) {
      case null -> throw bad(source, parser, "expected a value, got the end of the text");
      case START_OBJECT -> {
        Map<String, Object> members = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = text(source, parser, foreign);
          budget.spendText(key);
          if (members.containsKey(key)) {
            throw bad(source, parser, "duplicate key '" + key + "'");
          }
          parser.nextToken();
          members.put(key, value(source, parser, foreign, budget));
        }
        yield members;
      }
      case START_ARRAY -> {
        List<Object> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(value(source, parser, foreign, budget));
        }
        yield items;
      }
      case VALUE_STRING -> {
        String text = text(source, parser, foreign);
        budget.spendText(text);
        yield text;
      }
      case VALUE_NUMBER_INT ->
          foreign && parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? parser.getBigIntegerValue()
              : (Object) integer(source, parser);
      case VALUE_NUMBER_FLOAT -> {
        double number = parser.getDoubleValue();
        if (!foreign && Double.isInfinite(number)) {
          throw bad(source, parser, "number does not fit a double");
        }
        yield number;
      }
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      default -> throw bad(source, parser, "unexpected " + token);
    };
  }

  private static String write(Object value, boolean pretty) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(text)) {
      if (pretty) {
        generator.setPrettyPrinter(
            new DefaultPrettyPrinter(
                    Separators.createDefaultInstance()
                        .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                        .withArrayValueSpacing(Separators.Spacing.AFTER)
                        .withObjectEmptySeparator("")
                        .withArrayEmptySeparator(""))
                .withObjectIndenter(new DefaultIndenter("  ", "\n"))
                .withArrayIndenter(new DefaultPrettyPrinter.NopIndenter()));
      }
      write(generator, value, MAX_DEPTH);
    } catch (IOException e) {
      throw new UncheckedIOException("a string cannot fail to be written", e);
    }
    return text.toString();
  }

  private static void write(JsonGenerator generator, Object value, int depth) throws IOException {
    switch (value) {
      case null -> generator.writeNull();
      case Boolean flag -> generator.writeBoolean(flag);
      case String text -> generator.writeString(checked(text));
      case Byte number -> generator.writeNumber(number.longValue());
      case Short number -> generator.writeNumber(number.longValue());
      case Integer number -> generator.writeNumber(number.longValue());
      case Long number -> generator.writeNumber(number);
      case BigInteger number -> generator.writeNumber(number);
      case Float number -> generator.writeNumber(checked(number.doubleValue()));
      case Double number -> generator.writeNumber(checked(number));
      case Map<?, ?> members -> {
        checkDepth(depth);
        generator.writeStartObject();
        for (Map.Entry<?, ?> member : members.entrySet()) {
          if (!(member.getKey() instanceof String key)) {
            throw new IllegalArgumentException(
                "value: expected keys to be strings, got " + member.getKey());
          }
          generator.writeFieldName(checked(key));
          write(generator, member.getValue(), depth - 1);
        }
        generator.writeEndObject();
      }
      case List<?> items -> {
        checkDepth(depth);
        generator.writeStartArray();
        for (Object item : items) {
          write(generator, item, depth - 1);
        }
        generator.writeEndArray();
      }
      default ->
          throw new IllegalArgumentException(
              "value: expected a map, list, string, number, boolean or null, got a "
                  + value.getClass().getName());
    }
  }

  private static void checkDepth(int depth) {
    if (depth == 0) {
      throw new IllegalArgumentException("value: expected at most " + MAX_DEPTH + " levels");
    }
  }

  private static double checked(double number) {
    if (!Double.isFinite(number)) {
      throw new IllegalArgumentException("value: JSON has no " + number + "; pass null instead");
    }
    return number;
  }

  private static String checked(String text) {
    if (hasUnpairedSurrogate(text)) {
      throw new IllegalArgumentException("value: unpaired surrogate in a string");
    }
    return text;
  }

  private static boolean hasUnpairedSurrogate(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && i + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(i + 1));
        if (!pair) {
          return true;
        }
        i++;
      }
    }
    return false;
  }

  private static String kind(Object value) {
    return switch (value) {
      case null -> "null";
      case List<?> _ -> "an array";
      case String _ -> "a string";
      case Boolean _ -> "a boolean";
      default -> "a number";
    };
  }
}
