package io.github.sae4j.internal.json;

import io.github.sae4j.format.BadFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A JSON object in a file, with members taken out by type. A member that is missing or of another
 * type is a {@link BadFileException} that names it.
 */
public final class JsonObject {
  /** Far above any configuration; runner configurations list data sets. */
  public static final int MAX_BYTES = 16 << 20;

  private final Path path;
  private final Map<String, Object> members;

  private JsonObject(Path path, Map<String, Object> members) {
    this.path = path;
    this.members = members;
  }

  /**
   * A view of members that do not come from a JSON file of their own.
   *
   * @param path where they come from, for messages
   * @param members JSON values by name
   * @return a view of them
   */
  public static JsonObject of(Path path, Map<String, Object> members) {
    return new JsonObject(path, members);
  }

  /**
   * Reads a file that holds one JSON object.
   *
   * @param path the file, of at most {@value #MAX_BYTES} bytes
   * @return its members
   * @throws BadFileException if it is missing or holds anything else
   * @throws IOException if reading fails
   */
  public static JsonObject read(Path path) throws IOException {
    return new JsonObject(path, Json.readObject(path, MAX_BYTES));
  }

  /**
   * Reads a file that holds one JSON object, possibly with numbers that Python writes and JSON does
   * not allow.
   *
   * @param path the file, of at most {@value #MAX_BYTES} bytes
   * @return its members
   * @throws BadFileException if it is missing or holds anything else
   * @throws IOException if reading fails
   */
  public static JsonObject readForeign(Path path) throws IOException {
    return new JsonObject(path, Json.readForeignObject(path, MAX_BYTES));
  }

  /** {@return the file that the members come from} */
  public Path path() {
    return path;
  }

  /** {@return all members, JSON values by name in the order of the file} */
  public Map<String, Object> members() {
    return members;
  }

  /**
   * Whether a member is there and not null.
   *
   * @param name its name
   * @return true if it has a value
   */
  public boolean has(String name) {
    return members.get(name) != null;
  }

  /**
   * A count.
   *
   * @param name the member's name
   * @return an integer from 1 to 2^31 − 1
   * @throws BadFileException if it is missing or anything else
   */
  public int count(String name) throws BadFileException {
    if (!(members.get(name) instanceof Long number) || number < 1 || number > Integer.MAX_VALUE) {
      throw bad(name, "an integer from 1 to 2147483647");
    }
    return number.intValue();
  }

  /**
   * An integer of at least 0.
   *
   * @param name the member's name
   * @return the integer
   * @throws BadFileException if it is missing or anything else
   */
  public long natural(String name) throws BadFileException {
    if (!(members.get(name) instanceof Long number) || number < 0) {
      throw bad(name, "an integer of at least 0");
    }
    return number;
  }

  /**
   * A finite number.
   *
   * @param name the member's name
   * @return the number
   * @throws BadFileException if it is missing or anything else
   */
  public double number(String name) throws BadFileException {
    if (!(members.get(name) instanceof Number number) || !Double.isFinite(number.doubleValue())) {
      throw bad(name, "a number");
    }
    return number.doubleValue();
  }

  /**
   * A string.
   *
   * @param name the member's name
   * @return the string
   * @throws BadFileException if it is missing or anything else
   */
  public String text(String name) throws BadFileException {
    if (!(members.get(name) instanceof String text)) {
      throw bad(name, "a string");
    }
    return text;
  }

  /**
   * A string, or a default.
   *
   * @param name the member's name
   * @param missing what a member that is missing or null stands for
   * @return the string
   * @throws BadFileException if it is anything else
   */
  public String text(String name, String missing) throws BadFileException {
    return has(name) ? text(name) : missing;
  }

  /**
   * A boolean, or a default.
   *
   * @param name the member's name
   * @param missing what a member that is missing or null stands for
   * @return the boolean
   * @throws BadFileException if it is anything else
   */
  public boolean flag(String name, boolean missing) throws BadFileException {
    if (!has(name)) {
      return missing;
    }
    if (!(members.get(name) instanceof Boolean flag)) {
      throw bad(name, "true or false");
    }
    return flag;
  }

  /**
   * An object.
   *
   * @param name the member's name
   * @return its members
   * @throws BadFileException if it is missing or anything else
   */
  @SuppressWarnings("unchecked") // the JSON reader creates no other maps
  public Map<String, Object> object(String name) throws BadFileException {
    if (!(members.get(name) instanceof Map<?, ?> object)) {
      throw bad(name, "an object");
    }
    return (Map<String, Object>) object;
  }

  /**
   * An object, with the same checks for its members.
   *
   * @param name the member's name
   * @return a view of it
   * @throws BadFileException if it is missing or anything else
   */
  public JsonObject inside(String name) throws BadFileException {
    return new JsonObject(path, object(name));
  }

  /**
   * A complaint about a member.
   *
   * @param name the member's name
   * @param expected what it should be
   * @return an exception that says what was found
   */
  public BadFileException bad(String name, String expected) {
    Object value = members.get(name);
    String got =
        switch (value) {
          case null -> members.containsKey(name) ? "null" : "nothing";
          case Map<?, ?> _ -> "an object";
          case List<?> _ -> "an array";
          case String text -> "'" + text + "'";
          default -> value.toString();
        };
    return new BadFileException(path, name + ": expected " + expected + ", got " + got);
  }
}
