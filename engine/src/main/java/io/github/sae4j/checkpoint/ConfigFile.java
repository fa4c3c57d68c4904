package io.github.sae4j.checkpoint;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.format.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A JSON object in a file, with members taken out by type. A member that is missing or of another
 * type is a {@link BadFileException} that names it.
 */
final class ConfigFile {
  /** No configuration is near this size; runner configurations list data sets. */
  static final int MAX_BYTES = 16 << 20;

  private final Path path;
  private final Map<String, Object> members;

  private ConfigFile(Path path, Map<String, Object> members) {
    this.path = path;
    this.members = members;
  }

  static ConfigFile read(Path path) throws IOException {
    return new ConfigFile(path, Json.readObject(path, MAX_BYTES));
  }

  /** The same of a file that Python may have written, with numbers that JSON has not. */
  static ConfigFile readForeign(Path path) throws IOException {
    return new ConfigFile(path, Json.readForeignObject(path, MAX_BYTES));
  }

  Path path() {
    return path;
  }

  Map<String, Object> members() {
    return members;
  }

  /** Whether the member is there and not null. */
  boolean has(String name) {
    return members.get(name) != null;
  }

  /** A count: an integer from 1 to 2^31 − 1. */
  int count(String name) throws BadFileException {
    if (!(members.get(name) instanceof Long number) || number < 1 || number > Integer.MAX_VALUE) {
      throw bad(name, "an integer from 1 to 2147483647");
    }
    return number.intValue();
  }

  /** An integer of at least 0. */
  long natural(String name) throws BadFileException {
    if (!(members.get(name) instanceof Long number) || number < 0) {
      throw bad(name, "an integer of at least 0");
    }
    return number;
  }

  /** A finite number. */
  double number(String name) throws BadFileException {
    if (!(members.get(name) instanceof Number number) || !Double.isFinite(number.doubleValue())) {
      throw bad(name, "a number");
    }
    return number.doubleValue();
  }

  String text(String name) throws BadFileException {
    if (!(members.get(name) instanceof String text)) {
      throw bad(name, "a string");
    }
    return text;
  }

  /** A string, or the default where the member is missing or null. */
  String text(String name, String missing) throws BadFileException {
    return has(name) ? text(name) : missing;
  }

  /** A boolean, or the default where the member is missing or null. */
  boolean flag(String name, boolean missing) throws BadFileException {
    if (!has(name)) {
      return missing;
    }
    if (!(members.get(name) instanceof Boolean flag)) {
      throw bad(name, "true or false");
    }
    return flag;
  }

  /** An object. */
  @SuppressWarnings("unchecked") // the JSON reader makes no other maps
  Map<String, Object> object(String name) throws BadFileException {
    if (!(members.get(name) instanceof Map<?, ?> object)) {
      throw bad(name, "an object");
    }
    return (Map<String, Object>) object;
  }

  /** An object's view with the same checks. */
  ConfigFile inside(String name) throws BadFileException {
    return new ConfigFile(path, object(name));
  }

  /** A complaint about a member. */
  BadFileException bad(String name, String expected) {
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
