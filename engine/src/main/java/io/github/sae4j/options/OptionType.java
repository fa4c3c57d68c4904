package io.github.sae4j.options;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * How the values of an option are read, checked and written. External values are plain: a number, a
 * boolean, text or null, as in JSON; text is read like the value it spells, since a command line
 * has nothing else. An empty optional is null, {@code auto} or {@code none}.
 *
 * @param <T> type of the parsed values
 */
public final class OptionType<T> {
  /** Reads a plain value. */
  @FunctionalInterface
  private interface Reader<T> {
    T read(String name, Object plain);
  }

  private final String label;
  private final String range;
  private final Reader<T> reader;

  private OptionType(String label, String range, Reader<T> reader) {
    this.label = label;
    this.range = range;
    this.reader = reader;
  }

  /**
   * A 32-bit integer.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<Integer> integer(Range range) {
    return new OptionType<>("N", range.words(), (name, plain) -> toInt(name, plain, range));
  }

  /**
   * A 32-bit integer or nothing.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<OptionalInt> optionalInteger(Range range) {
    return new OptionType<>(
        "N",
        range.words(),
        (name, plain) ->
            isEmpty(plain) ? OptionalInt.empty() : OptionalInt.of(toInt(name, plain, range)));
  }

  /**
   * A 64-bit integer.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<Long> longInteger(Range range) {
    return new OptionType<>("N", range.words(), (name, plain) -> toLong(name, plain, range));
  }

  /**
   * A 64-bit integer or nothing.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<OptionalLong> optionalLong(Range range) {
    return new OptionType<>(
        "N",
        range.words(),
        (name, plain) ->
            isEmpty(plain) ? OptionalLong.empty() : OptionalLong.of(toLong(name, plain, range)));
  }

  /**
   * A finite number.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<Double> number(Range range) {
    return new OptionType<>("X", range.words(), (name, plain) -> toDouble(name, plain, range));
  }

  /**
   * A finite number or nothing.
   *
   * @param range which
   * @return the type
   */
  public static OptionType<OptionalDouble> optionalNumber(Range range) {
    return new OptionType<>(
        "X",
        range.words(),
        (name, plain) ->
            isEmpty(plain)
                ? OptionalDouble.empty()
                : OptionalDouble.of(toDouble(name, plain, range)));
  }

  /**
   * Whole numbers in ascending order, separated by commas, or nothing; in JSON also an array.
   *
   * @param range of each
   * @return the type
   */
  public static OptionType<List<Integer>> ascendingIntegers(Range range) {
    return new OptionType<>(
        "N,N,...",
        range.words() + " each, ascending",
        (name, plain) -> isEmpty(plain) ? List.of() : toAscending(name, plain, range));
  }

  /**
   * True or false; on a command line the option alone is true.
   *
   * @return the type
   */
  public static OptionType<Boolean> toggle() {
    return new OptionType<>("BOOL", "", OptionType::toBoolean);
  }

  /**
   * One of an enum's constants, by its name in lower case or, where the enum overrides it, by its
   * {@code toString}.
   *
   * @param type the enum
   * @param <E> the enum
   * @return the type
   */
  public static <E extends Enum<E>> OptionType<E> choice(Class<E> type) {
    return new OptionType<>("NAME", names(type), (name, plain) -> toEnum(name, type, plain));
  }

  /**
   * One of an enum's constants, where the peers have a boolean: true and false are accepted.
   *
   * @param on what true means
   * @param off what false means
   * @param <E> the enum
   * @return the type
   */
  public static <E extends Enum<E>> OptionType<E> choiceOrSwitch(E on, E off) {
    Class<E> type = on.getDeclaringClass();
    return new OptionType<>(
        "NAME",
        names(type),
        (name, plain) ->
            switch (word(name, plain)) {
              case "true", "yes", "on" -> on;
              case "false", "no", "off" -> off;
              default -> toEnum(name, type, plain);
            });
  }

  /**
   * Reads a value.
   *
   * @param name name of the option, for messages
   * @param plain number, boolean, text or null
   * @return the value
   * @throws ConfigException if it is no such value, or out of range
   */
  public T parse(String name, Object plain) {
    return reader.read(name, plain);
  }

  /**
   * The label of the value in a help.
   *
   * @return N, X, BOOL or NAME
   */
  public String label() {
    return label;
  }

  /**
   * Describes the possible values.
   *
   * @return bounds of a number or the names to choose from; empty if all values of the kind will do
   */
  public String range() {
    return range;
  }

  /**
   * Whether the option alone, without a value, means true.
   *
   * @return true for {@link #toggle()}
   */
  public boolean isToggle() {
    return label.equals("BOOL");
  }

  /**
   * Whether {@link #range()} lists names to choose from.
   *
   * @return true for the choices
   */
  public boolean isChoice() {
    return label.equals("NAME");
  }

  /**
   * A value as number, boolean, text or null, such as JSON holds.
   *
   * @param value a value of any option
   * @return {@code Long}, {@code Double}, {@code Boolean}, {@code String} or null
   */
  public static Object plain(Object value) {
    return switch (value) {
      case OptionalInt some -> some.isPresent() ? (Object) (long) some.getAsInt() : null;
      case OptionalLong some -> some.isPresent() ? some.getAsLong() : null;
      case OptionalDouble some -> some.isPresent() ? some.getAsDouble() : null;
      case Integer number -> number.longValue();
      case List<?> numbers ->
          numbers.isEmpty()
              ? null
              : numbers.stream().map(String::valueOf).collect(Collectors.joining(","));
      // A name of its own, as recipes have, or the constant's in lower case.
      case Enum<?> constant ->
          constant.toString().equals(constant.name())
              ? constant.name().toLowerCase(Locale.ROOT)
              : constant.toString();
      default -> value;
    };
  }

  private static boolean isEmpty(Object plain) {
    return plain == null || plain.equals("auto") || plain.equals("none");
  }

  private static int toInt(String name, Object plain, Range range) {
    long number = toLong(name, plain, range);
    if (number != (int) number) {
      throw new ConfigException(name, "expected a 32-bit integer, got " + plain);
    }
    return (int) number;
  }

  private static List<Integer> toAscending(String name, Object plain, Range range) {
    List<?> parts =
        plain instanceof List<?> array
            ? array
            : List.of(plain.toString().strip().split("\\s*,\\s*"));
    List<Integer> numbers = new ArrayList<>();
    for (Object part : parts) {
      int number = toInt(name, part, range);
      if (!numbers.isEmpty() && number <= numbers.getLast()) {
        throw new ConfigException(name, "expected ascending numbers, got " + plain);
      }
      numbers.add(number);
    }
    return List.copyOf(numbers);
  }

  private static long toLong(String name, Object plain, Range range) {
    long number;
    try {
      number = new BigDecimal(text(name, plain, "an integer")).longValueExact();
    } catch (ArithmeticException | NumberFormatException e) {
      throw new ConfigException(name, "expected an integer, got " + plain);
    }
    expect(range.holds(number), name, range, number);
    return number;
  }

  private static double toDouble(String name, Object plain, Range range) {
    double number;
    try {
      number = Double.parseDouble(text(name, plain, "a number"));
    } catch (NumberFormatException e) {
      number = Double.NaN;
    }
    if (!Double.isFinite(number)) {
      throw new ConfigException(name, "expected a finite number, got " + plain);
    }
    expect(range.holds(number), name, range, number);
    return number;
  }

  private static void expect(boolean holds, String name, Range range, Object got) {
    if (!holds) {
      throw new ConfigException(name, "expected " + range.words() + ", got " + got);
    }
  }

  private static String text(String name, Object plain, String expected) {
    if (plain instanceof Number || plain instanceof CharSequence) {
      return plain.toString().strip();
    }
    throw new ConfigException(name, "expected " + expected + ", got " + plain);
  }

  private static boolean toBoolean(String name, Object plain) {
    return switch (word(name, plain)) {
      case "true", "yes", "on" -> true;
      case "false", "no", "off" -> false;
      default -> throw new ConfigException(name, "expected true or false, got " + plain);
    };
  }

  private static <E extends Enum<E>> E toEnum(String name, Class<E> type, Object plain) {
    String word = word(name, plain);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().toLowerCase(Locale.ROOT).equals(word)) {
        return constant;
      }
    }
    List<Object> known = Arrays.stream(type.getEnumConstants()).map(OptionType::plain).toList();
    throw new ConfigException(name, "expected one of " + known + ", got " + plain);
  }

  /** A word in lower case, dashes and underscores being the same. */
  private static String word(String name, Object plain) {
    if (plain == null) {
      throw new ConfigException(name, "expected a value, got null");
    }
    return plain.toString().strip().toLowerCase(Locale.ROOT).replace('-', '_');
  }

  /** "a, b or c". */
  private static String names(Class<? extends Enum<?>> type) {
    List<String> names =
        Arrays.stream(type.getEnumConstants()).map(one -> plain(one).toString()).toList();
    int last = names.size() - 1;
    return last < 1
        ? String.join("", names)
        : String.join(", ", names.subList(0, last)) + " or " + names.get(last);
  }
}
